import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { startApiServer } from "./api-server.ts";
import { writeKubeconfig } from "./kubeconfig.ts";

/**
 * Runs the local API server as a process of its own, so that its memory and time are not those of what is
 * measured.
 *
 * usage: node agent/testing/kube/run-api-server.ts [--port N] [--nodes N] [--node-bytes N] [--kubeconfig
 * PATH] [--streaming] [--flannel BACKEND]
 *
 * Prints its URL when it is ready. Node `node-I` has the address 172.16.0.0 + I and the /24 at 11.0.0.0 + 256
 * I. With `--streaming` it has streaming lists, as API servers since Kubernetes 1.34. Takes commands from
 * stdin, one a line: "move I" moves the prefix of a node to 12.0.0.0 + 256 I, or back; "touch I" changes
 * nothing of a node that matters, as heartbeats do, and makes a node that is not there; "churn N" moves N
 * nodes a second, one after the other, and "beat N" touches them; 0 ends both. With `--flannel` nodes have
 * the annotations with which flannel's daemons tell each other their addresses.
 */
const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    nodes: { type: "string", default: "0" },
    "node-bytes": { type: "string", default: "15000" },
    kubeconfig: { type: "string" },
    streaming: { type: "boolean", default: false },
    flannel: { type: "string" },
  },
});

/** Where the nodes' prefixes begin: the first two bytes as one number. */
const HOME = 11 * 256;
const MOVED = 12 * 256;

const bytes = Number(values["node-bytes"]);
const count = Number(values.nodes);
const server = await startApiServer({
  port: Number(values.port),
  bookmarkMs: 60_000,
  streaming: values.streaming ? "served" : "refused",
});
for (let index = 1; index <= count; index++) putNode(index, HOME);
if (values.kubeconfig !== undefined)
  writeKubeconfig({ path: values.kubeconfig, server: server.url, user: { token: "test" } });
process.stdout.write(`${server.url}\n`);

const moved = new Set<number>();
let next = 1;
let timer: NodeJS.Timeout | undefined;

createInterface(process.stdin).on("line", (line) => {
  const [command = "", value = "0"] = line.split(" ");
  if (command === "move") move(Number(value));
  else if (command === "touch") touch(Number(value));
  else if (command === "churn") repeat(Number(value), move);
  else if (command === "beat") repeat(Number(value), touch);
  else throw new Error(`no such command: ${line}`);
});

function move(index: number): void {
  if (!moved.delete(index)) moved.add(index);
  touch(index);
}

function touch(index: number): void {
  putNode(index, moved.has(index) ? MOVED : HOME);
}

/** Node 1 is left alone: that is the agent's. */
function repeat(perSecond: number, change: (index: number) => void): void {
  clearInterval(timer);
  if (perSecond === 0) return;
  timer = setInterval(() => {
    next = (next % count) + 1;
    if (next === 1) next = 2;
    change(next);
  }, 1000 / perSecond);
}

function putNode(index: number, base: number): void {
  const [high, low] = [Math.floor(index / 256), index % 256];
  const prefix = base + high;
  const address = `172.16.${high}.${low}`;
  server.store.put({
    name: `node-${index}`,
    addresses: [address],
    ...(values.flannel === undefined
      ? {}
      : { annotations: flannelAnnotations(values.flannel, address, [high, low]) }),
    podCIDRs: [`${Math.floor(prefix / 256)}.${prefix % 256}.${low}.0/24`],
    bytes,
  });
}

function flannelAnnotations(
  backend: string,
  address: string,
  macEnd: readonly number[],
): Readonly<Record<string, string>> {
  const mac = `02:00:00:00:${macEnd.map((byte) => byte.toString(16).padStart(2, "0")).join(":")}`;
  const prefix = "flannel.alpha.coreos.com";
  return {
    [`${prefix}/kube-subnet-manager`]: "true",
    [`${prefix}/backend-type`]: backend,
    [`${prefix}/public-ip`]: address,
    [`${prefix}/backend-data`]: backend === "vxlan" ? JSON.stringify({ VNI: 1, VtepMAC: mac }) : "null",
  };
}
