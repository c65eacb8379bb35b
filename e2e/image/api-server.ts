/**
 * An API server for the agent in its container, in the node's network namespace. Prints its URL once it can
 * be asked.
 * usage: node api-server.ts PORT NODE CA NODE: as JSON {name, addresses, podCIDRs} CA: path of the
 * certificate that it writes
 */
import { writeFileSync } from "node:fs";
import { startApiServer } from "../../agent/testing/kube/api-server.ts";
import type { NodeSpec } from "../../agent/testing/kube/node-store.ts";
import { createSelfSigned } from "../../agent/testing/kube/self-signed.ts";

const [port = "", node = "", ca = ""] = process.argv.slice(2);
const tls = createSelfSigned();
writeFileSync(ca, tls.cert);
const server = await startApiServer({ port: Number(port), bookmarkMs: 10_000, tls });
server.store.put(JSON.parse(node) as NodeSpec);
console.log(server.url);
