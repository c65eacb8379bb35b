import type { V1Node } from "@kubernetes/client-node";
import { waitFor } from "../lib/wait-for.ts";
import type { Cluster } from "./cluster.ts";
import type { ClusterNode } from "./cluster-node.ts";

/** The condition Ready of a Node object, as the kubelet wrote it last. */
export function readyCondition(node: V1Node): { readonly status: string; readonly message: string } {
  const condition = node.status?.conditions?.find(({ type }) => type === "Ready");
  return { status: condition?.status ?? "none", message: condition?.message ?? "" };
}

/** Waits until all nodes have this status in their condition Ready. */
export async function waitForNodes(
  { api, nodes }: Pick<Cluster, "api" | "nodes">,
  status: "True" | "False",
  timeoutMs = 60_000,
): Promise<void> {
  const probe = async (): Promise<true | undefined> => {
    const known = await api.list<V1Node>("/api/v1/nodes");
    const differing = known.filter((node) => readyCondition(node).status !== status);
    if (known.length === nodes.length && differing.length === 0) return true;
    const said = known.map((node) => `${node.metadata?.name}: ${JSON.stringify(readyCondition(node))}`);
    throw new Error(`nodes ${said.join(", ")}`);
  };
  await waitFor(`all nodes to be Ready=${status}`, probe, { timeoutMs, intervalMs: 100 });
}

/** Whether iptables sees bridged packets of a node, too. */
export async function setBrNetfilter(node: ClusterNode, value: "0" | "1"): Promise<void> {
  const settings = ["iptables", "ip6tables"].map(
    (program) => `net.bridge.bridge-nf-call-${program}=${value}`,
  );
  await node.run("sysctl", "-qw", ...settings);
}
