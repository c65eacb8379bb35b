/**
 * A Kubernetes API server in a node's network namespace, whose Nodes another namespace says: by PUT of a list
 * to a unix socket, it has exactly these. Prints its URL once both can be asked. usage: node api-server.ts
 * PORT SOCKET
 */
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { startApiServer } from "../../agent/testing/kube/api-server.ts";
import type { NodeObject } from "./node-objects.ts";

const [port = "", socket = ""] = process.argv.slice(2);
const { store, url } = await startApiServer({ port: Number(port), bookmarkMs: 10_000 });
const known = new Map<string, string>();

function replaceAll(nodes: readonly NodeObject[]): void {
  const wanted = new Map(nodes.map((node) => [node.metadata.name, node]));
  for (const name of known.keys()) {
    if (wanted.has(name)) continue;
    store.remove(name);
    known.delete(name);
  }
  for (const [name, node] of wanted) {
    const text = JSON.stringify(node);
    if (known.get(name) === text) continue;
    store.put({ name, raw: { ...node } });
    known.set(name, text);
  }
}

const control = createServer((request, response) => {
  void json(request).then((nodes) => {
    replaceAll(nodes as readonly NodeObject[]);
    response.end();
  });
});
control.listen(socket, () => console.log(url));
