import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { startApiServer } from "../../agent/testing/kube/api-server.ts";
import { writeKubeconfig } from "../../agent/testing/kube/kubeconfig.ts";
import {
  CLUSTER,
  namespaceName,
  namespaceOfPolicy,
  planNamespace,
  planOwnPod,
  planPod,
  planPolicy,
  podName,
} from "./cluster-plan.ts";

/**
 * Runs an API server with the cluster of cluster-plan.ts as a process of its own, so that its memory and time
 * are not those of what is measured.
 *
 * usage: node bench/policy/run-cluster.ts --kubeconfig PATH [--policies none|named|cluster]
 *
 * Prints its URL when it is ready. Takes commands from stdin, one a line: "pod I" makes a client appear on
 * another node in one of the namespaces that policies name, or vanish; "edit I" gives a policy of this node
 * another port; "churn N" makes N pods a second appear or vanish all over the cluster, until "churn 0".
 */
const { values } = parseArgs({
  options: { kubeconfig: { type: "string" }, policies: { type: "string", default: "named" } },
});

const server = await startApiServer({ bookmarkMs: 60_000, streaming: "served" });
for (let index = 1; index <= CLUSTER.nodes; index++) {
  const [high, low] = [Math.floor(index / 256), index % 256];
  server.store.put({
    name: `node-${index}`,
    addresses: [`172.16.${high}.${low}`],
    podCIDRs: [`10.${64 + high}.${low}.0/24`],
    bytes: 3000,
  });
}
const namespaces = server.serve({ apiVersion: "v1", kind: "Namespace", plural: "namespaces" });
const pods = server.serve({ apiVersion: "v1", kind: "Pod", plural: "pods" });
const policies = server.serve({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  plural: "networkpolicies",
});
for (let namespace = 0; namespace < CLUSTER.namespaces; namespace++) {
  namespaces.put(namespaceName(namespace), planNamespace(namespace));
  for (let index = 0; index < CLUSTER.podsPerNamespace; index++)
    pods.put(`${namespaceName(namespace)}/${podName(index)}`, planPod(namespace, index));
}
for (let index = 0; index < CLUSTER.ownPods; index++)
  pods.put(`${namespaceName(index % CLUSTER.ownNamespaces)}/own-${index}`, planOwnPod(index));
const ports = new Map<number, number>();
if (values.policies !== "none") for (let index = 0; index < CLUSTER.policies; index++) putPolicy(index, 8080);
for (const store of [namespaces, pods, policies]) store.compact();
if (values.kubeconfig !== undefined)
  writeKubeconfig({ path: values.kubeconfig, server: server.url, user: { token: "test" } });
process.stdout.write(`${server.url}\n`);

const present = new Set<string>();
let next = 0;
let timer: NodeJS.Timeout | undefined;

createInterface(process.stdin).on("line", (line) => {
  const [command = "", value = "0"] = line.split(" ");
  const number = Number(value);
  if (command === "pod") togglePod(number % CLUSTER.namedNamespaces, 10 * number);
  else if (command === "edit") putPolicy(number, ports.get(number) === 8080 ? 8081 : 8080);
  else if (command === "churn") churn(number);
  else throw new Error(`no such command: ${line}`);
});

function putPolicy(index: number, port: number): void {
  ports.set(index, port);
  const isClusterWide = values.policies === "cluster" && index === 0;
  const namespace = namespaceName(namespaceOfPolicy(index));
  policies.put(`${namespace}/policy-${index}`, planPolicy({ index, port, isClusterWide }));
}

function togglePod(namespace: number, index: number): void {
  const key = `${namespaceName(namespace)}/${podName(index, "-new")}`;
  if (present.delete(key)) {
    pods.remove(key);
    return;
  }
  present.add(key);
  pods.put(key, planPod(namespace, index, "-new"));
}

function churn(perSecond: number): void {
  clearInterval(timer);
  if (perSecond === 0) return;
  timer = setInterval(() => {
    next += 1;
    togglePod(next % CLUSTER.namespaces, 1 + (Math.floor(next / CLUSTER.namespaces) % 400));
  }, 1000 / perSecond);
}
