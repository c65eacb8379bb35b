/**
 * A Kubernetes API server in a node's network namespace, whose Nodes another namespace says: by PUT of a list
 * to a unix socket, it has exactly these. A Node with another UID is deleted and made again. With PUT of
 * `/unwatched` no watch tells of it: whoever watches has to list anew. Prints its URL once both can be asked.
 *
 * usage: node api-server.ts PORT SOCKET
 */
import { createServer } from "node:http";
import { isDeepStrictEqual } from "node:util";
import { json } from "node:stream/consumers";
import { startApiServer } from "../../agent/testing/kube/api-server.ts";
import type { NodeObject } from "./node-objects.ts";

const [port = "", socket = ""] = process.argv.slice(2);
const { store, url, endWatches } = await startApiServer({ port: Number(port), bookmarkMs: 10_000 });
const known = new Map<string, NodeObject>();

function replaceAll(nodes: readonly NodeObject[]): void {
  const wanted = new Map(nodes.map((node) => [node.metadata.name, node]));
  for (const [name, { metadata }] of known) {
    if (wanted.get(name)?.metadata.uid === metadata.uid) continue;
    store.remove(name);
    known.delete(name);
  }
  for (const [name, node] of wanted) {
    if (isDeepStrictEqual(known.get(name), node)) continue;
    store.put({ name, raw: { ...node } });
    known.set(name, node);
  }
}

/** In one turn of the event loop, in which nobody can ask. */
function replaceUnwatched(nodes: readonly NodeObject[]): void {
  endWatches("cut");
  replaceAll(nodes);
  store.compact();
}

const control = createServer((request, response) => {
  void json(request).then((nodes) => {
    const replace = request.url === "/unwatched" ? replaceUnwatched : replaceAll;
    replace(nodes as readonly NodeObject[]);
    response.end();
  });
});
control.listen(socket, () => console.log(url));
