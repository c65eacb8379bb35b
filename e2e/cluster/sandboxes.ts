import type { Sandbox } from "../lib/cri.ts";
import { waitFor } from "../lib/wait-for.ts";
import type { ClusterNode } from "./cluster-node.ts";
import type { Peer } from "./workloads.ts";

/**
 * Stops a pod's sandbox behind the kubelet's back and waits until the kubelet has made another one: an ADD
 * that needs nobody but kubelet, runtime and agent. Gives the addresses of the new one.
 */
export async function replaceSandbox(node: ClusterNode, { name }: Peer): Promise<readonly string[]> {
  const cri = node.cri();
  const readyOf = async (): Promise<Sandbox | undefined> =>
    (await cri.listSandboxes()).find((sandbox) => sandbox.podName === name && sandbox.isReady);
  const old = await readyOf();
  if (old === undefined) throw new Error(`Pod "${name}" has no ready sandbox on ${node.name}`);
  await cri.stopPod(old.id);
  const isNew = async (): Promise<Sandbox | undefined> => {
    const now = await readyOf();
    return now?.id === old.id ? undefined : now;
  };
  const { id } = await waitFor(`a new sandbox of ${name}`, isNew, { timeoutMs: 60_000, intervalMs: 100 });
  return (await cri.podStatus(id)).ips;
}
