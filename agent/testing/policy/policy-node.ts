import assert from "node:assert/strict";
import { join } from "node:path";
import { type AgentProcess, makeNode, NODE_NAME, type TestNode } from "../agent/agent-process.ts";
import { type ApiServer, startApiServer } from "../kube/api-server.ts";
import { writeKubeconfig } from "../kube/kubeconfig.ts";
import type { ObjectStore } from "../kube/resources/object-store.ts";
import { eventually } from "../machine/eventually.ts";
import { callOnHost, makeNetns, type Netns, runOnHost } from "../machine/netns.ts";
import { endPrivileged, privileged } from "../runner/privileged.ts";

/** A pod of the node, with programs that answer on ports 80 and 81. */
export interface PolicyPod {
  readonly key: string;
  readonly containerId: string;
  readonly netns: Netns;
  readonly addresses: readonly string[];
}

export interface PodObject {
  readonly labels?: Readonly<Record<string, string>>;
  readonly node?: string;
  readonly podIPs?: readonly string[];
  /** Named ports. */
  readonly ports?: Readonly<Record<string, number>>;
}

/** A node with a real agent under a local API server, and what tests of policies do there. */
export interface PolicyNode {
  readonly node: TestNode;
  readonly api: ApiServer;
  start(...flags: readonly string[]): AgentProcess;
  putNamespace(name: string, labels?: Readonly<Record<string, string>>): void;
  putPod(key: string, object?: PodObject): void;
  putPolicy(key: string, spec: object): void;
  removePolicy(key: string): void;
  /** Serves ClusterNetworkPolicies, of which there are none yet. */
  serveClusterPolicies(): ObjectStore;
  readonly kubeconfig: string;
  /** The API server answers nothing but errors, or all is well again. */
  setAway(isAway: boolean): void;
  /** ADD of a pod, whether the API has it or not; throws what the shim said. */
  add(key: string, options?: AddOptions): Promise<PolicyPod>;
  /** Its object, then its network, then its programs. */
  startPod(key: string, object?: PodObject, options?: AddOptions): Promise<PolicyPod>;
  del(pod: PolicyPod): Promise<void>;
  /** Whether a port answers; from a pod, or from the node itself. */
  reaches(from: PolicyPod | undefined, address: string, port?: Port): Promise<boolean>;
  /** Resolves once it does, or does not. */
  becomes(isReachable: boolean, from: PolicyPod | undefined, address: string, port?: Port): Promise<void>;
  /** Resolves once all addresses of a pod do, or none of them does. */
  podBecomes(isReachable: boolean, from: PolicyPod | undefined, to: PolicyPod, port?: Port): Promise<void>;
  /** Sends datagrams to all addresses from a namespace until the test ends (packets/flood-udp.c). */
  flood(from: Netns, ...addresses: readonly string[]): Promise<void>;
  remove(): Promise<void>;
}

/** TCP port 80 where nothing is said. */
export interface Port {
  readonly port?: number;
  readonly protocol?: "tcp" | "udp";
}

export interface AddOptions {
  readonly uid?: string;
  readonly runtimeConfig?: object;
  readonly netns?: Netns;
}

const AWAY = { kind: "status", code: 503, reason: "ServiceUnavailable", message: "away" } as const;

/** Links of pods go some time after their namespaces: a name is used once. */
let lastContainer = 0;

const SERVE_PORT = new URL("../machine/serve-port.ts", import.meta.url);
const FLOOD_UDP = new URL("../../../dist/test/flood-udp", import.meta.url).pathname;
const ASK_PORTS = new URL("../machine/ask-ports.ts", import.meta.url);

export async function makePolicyNode(...podCIDRs: readonly string[]): Promise<PolicyNode> {
  const node = makeNode();
  const api = await startApiServer({ streaming: "served" });
  api.store.put({ name: NODE_NAME, addresses: ["192.0.2.10"], podCIDRs });
  const kubeconfig = join(node.folder, "kubeconfig");
  writeKubeconfig({ path: kubeconfig, server: api.url, user: { token: "secret" } });
  const pods = new Set<Netns>();
  const programs: number[] = [];
  const uidOf = (key: string): string => `uid-of-${key.replace("/", "-")}`;
  const flood: PolicyNode["flood"] = async ({ path }, ...addresses) => {
    const command = [FLOOD_UDP, ...addresses];
    const { pid } = await privileged({ command, netns: path, background: true });
    programs.push(pid);
  };
  const reaches: PolicyNode["reaches"] = async (from, address, { port = 80, protocol = "tcp" } = {}) => {
    const call = from === undefined ? callOnHost : from.netns.call;
    return (await call(ASK_PORTS, `${protocol},${address},${port}`)) !== "nobody";
  };
  const made: PolicyNode = {
    node,
    api,
    start: (...flags) => node.start("--kubeconfig", kubeconfig, ...flags),
    putNamespace: (name, labels = {}) => api.objects("namespaces").put(name, { metadata: { name, labels } }),
    putPod: (key, object = {}) => api.objects("pods").put(key, rawPod(key, uidOf(key), object)),
    putPolicy(key, spec) {
      const [namespace, name] = key.split("/");
      api.objects("networkpolicies").put(key, { metadata: { namespace, name }, spec });
    },
    kubeconfig,
    setAway(isAway) {
      const fault = isAway ? AWAY : undefined;
      for (const plural of ["nodes", "pods", "namespaces", "networkpolicies"]) {
        for (const verb of ["list", "watch"] as const) api.setFault(verb, fault, plural);
        if (isAway) api.endWatches("cut", plural);
      }
    },
    removePolicy: (key) => api.objects("networkpolicies").remove(key),
    serveClusterPolicies: () =>
      api.serve({
        apiVersion: "policy.networking.k8s.io/v1beta1",
        kind: "ClusterNetworkPolicy",
        plural: "clusternetworkpolicies",
      }),
    async add(key, { uid = uidOf(key), runtimeConfig = {}, netns } = {}) {
      const [namespace, name] = key.split("/");
      const own = netns ?? (await makeNetns());
      pods.add(own);
      const containerId = `c${lastContainer++}-${key.replace("/", "-")}`;
      const { exitCode, stdout } = await node.call("ADD", {
        containerId,
        netns: own.path,
        args: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name};K8S_POD_UID=${uid}`,
        runtimeConfig,
      });
      assert.equal(exitCode, 0, stdout);
      const { ips } = JSON.parse(stdout) as { ips: readonly { address: string }[] };
      const addresses = ips.map(({ address }) => address.replace(/\/\d+$/, ""));
      return { key, containerId, netns: own, addresses };
    },
    async startPod(key, object, options) {
      made.putPod(key, object);
      const pod = await made.add(key, options);
      for (const port of ["80", "81"]) await pod.netns.call(SERVE_PORT, key, port);
      return pod;
    },
    async del({ containerId, netns }) {
      await node.del(containerId, netns.path);
      pods.delete(netns);
      await netns.remove();
    },
    reaches,
    becomes: (isReachable, from, address, port) =>
      eventually(
        `${address} ${isReachable ? "answers" : "does not answer"}`,
        async () => (await reaches(from, address, port)) === isReachable,
        () => runOnHost("sh", "-c", "nft list table inet causeway-policy; true"),
      ),
    async podBecomes(isReachable, from, to, port) {
      for (const address of to.addresses) await made.becomes(isReachable, from, address, port);
    },
    flood,
    async remove() {
      for (const pid of programs) await endPrivileged(pid);
      for (const netns of pods) await netns.remove();
      await node.remove();
      await api.close();
    },
  };
  return made;
}

function rawPod(key: string, uid: string, { labels = {}, node, podIPs = [], ports = {} }: PodObject) {
  const [namespace, name] = key.split("/");
  const named = Object.entries(ports).map(([portName, containerPort]) => ({ name: portName, containerPort }));
  return {
    metadata: { namespace, name, uid, labels },
    spec: { nodeName: node ?? NODE_NAME, containers: [{ ports: named }] },
    status: { phase: "Running", podIPs: podIPs.map((ip) => ({ ip })) },
  };
}

/** Datagrams that have arrived in a namespace at a port where nobody listens. */
export async function countArrived(netns: Netns): Promise<number> {
  return countDatagrams(netns, "NoPorts");
}

/** What a namespace counts of UDP, by the kernel's name. */
export async function countDatagrams(netns: Netns, counter: "NoPorts" | "OutDatagrams"): Promise<number> {
  const lines = (await netns.run("grep", "^Udp:", "/proc/net/snmp")).trim().split("\n");
  const [names = [], values = []] = lines.map((line) => line.split(" "));
  return Number(values[names.indexOf(counter)]);
}

/** Whether there is a table of policies. */
export async function hasTable(): Promise<boolean> {
  return (await runOnHost("nft", "list", "tables")).includes("table inet causeway-policy");
}
