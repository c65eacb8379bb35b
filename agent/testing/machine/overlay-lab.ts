import type { AgentProcess } from "../agent/agent-process.ts";
import { makeNetns, type Netns } from "./netns.ts";
import { makeOverlayNetwork, type OverlayNetwork } from "./overlay-network.ts";

/**
 * The network with an agent on the node, a pod of it, and ears in that pod and on the other nodes; foreign is
 * no node.
 */
export interface OverlayLab extends OverlayNetwork {
  readonly agent: AgentProcess;
  readonly pod: Netns;
}

export const OVERLAY_NODES = [
  { name: "far", addresses: ["203.0.113.7"], podCIDRs: ["10.244.3.0/24", "fd00:3::/64"] },
  { name: "far6", addresses: ["2001:db8:9::8"], podCIDRs: ["10.244.4.0/24", "fd00:4::/64"] },
  { name: "other", addresses: ["203.0.113.9"], podCIDRs: ["10.244.5.0/24", "fd00:5::/64"] },
] as const;

/** What the pod hears, by port. */
const HEARD_IN_POD = "udp dport 7000-7999 add @ports { udp dport }";
/** Inner ports of what reaches the other nodes' port, whoever sent it. */
const HEARD_OUTSIDE = "udp dport 4789 add @ports { @th,416,16 }";

export async function makeOverlayLab(): Promise<OverlayLab> {
  const network = await makeOverlayNetwork();
  const { node, far, tell } = network;
  const pod = await makeNetns();
  tell(OVERLAY_NODES);
  const agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady().catch(async (error: unknown) => {
    await agent.end("SIGKILL"); // else the test's process waits for it
    throw error;
  });
  await node.add("victim", pod);
  await listen(pod, HEARD_IN_POD, "udp dport");
  await listen(far, HEARD_OUTSIDE, "@th,416,16");
  return {
    ...network,
    agent,
    pod,
    async remove() {
      await pod.remove();
      await network.remove();
    },
  };
}

async function listen(netns: Netns, rule: string, key: string): Promise<void> {
  const table = `table inet heard {
    set ports { typeof ${key}; flags dynamic; size 65535; }
    chain arriving { type filter hook prerouting priority -400; ${rule}; }
  }`;
  await netns.run("nft", table);
}

/** Ports on which something has arrived. */
export async function heardPorts(netns: Netns): Promise<ReadonlySet<number>> {
  const { nftables } = JSON.parse(await netns.run("nft", "-j", "list", "set", "inet", "heard", "ports")) as {
    nftables: readonly { set?: { elem?: readonly number[] } }[];
  };
  return new Set(nftables.flatMap(({ set }) => set?.elem ?? []));
}
