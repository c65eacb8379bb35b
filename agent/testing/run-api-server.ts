import { parseArgs } from "node:util";
import { startApiServer } from "./api-server.ts";
import { writeKubeconfig } from "./kubeconfig.ts";

/**
 * Runs the local API server as a process of its own, so that its memory and time are not those of what is measured.
 *
 * usage: node agent/testing/run-api-server.ts [--port N] [--nodes N] [--node-bytes N] [--kubeconfig PATH] [--churn-per-second N]
 *
 * Prints its URL when it is ready. Node `node-I` has the address 172.16.0.0 + I and the /24 at 10.64.0.0 + 256 I. Churn moves one
 * node's prefix at a time, there and back.
 */
const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    nodes: { type: "string", default: "0" },
    "node-bytes": { type: "string", default: "15000" },
    kubeconfig: { type: "string" },
    "churn-per-second": { type: "string", default: "0" },
  },
});

const bytes = Number(values["node-bytes"]);
const count = Number(values.nodes);
const churn = Number(values["churn-per-second"]);
const server = await startApiServer({ port: Number(values.port), bookmarkMs: 60_000 });
for (let index = 1; index <= count; index++) putNode(index, 64);
if (values.kubeconfig !== undefined)
  writeKubeconfig({ path: values.kubeconfig, server: server.url, user: { token: "test" } });
process.stdout.write(`${server.url}\n`);

let changes = 0;
if (churn > 0 && count > 0)
  setInterval(() => {
    changes++;
    putNode(((changes - 1) % count) + 1, 64 + 64 * ((Math.floor((changes - 1) / count) + 1) % 2));
  }, 1000 / churn);

function putNode(index: number, baseOctet: number): void {
  const [high, low] = [Math.floor(index / 256), index % 256];
  server.store.put({
    name: `node-${index}`,
    addresses: [`172.16.${high}.${low}`],
    podCIDRs: [`10.${baseOctet + high}.${low}.0/24`],
    bytes,
  });
}
