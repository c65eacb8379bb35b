import { askForKey } from "../../agent/report/ask-agent.ts";
import type { NodeKeys } from "../../agent/plan/peers/claim.ts";
import { cidrFromCanonical } from "../../agent/net/cidr.ts";
import { waitFor } from "../../e2e/lib/wait-for.ts";
import type { Causeway, NodeEntry } from "../causeway.ts";
import { netnsPath, run, show } from "../machine.ts";
import type { Site, SiteNode } from "./site.ts";

/** Less than the cable's by the headers of WireGuard over IPv4. */
export const WIREGUARD_MTU = 1440;

const PORT = 51_820;
/** Far above what it takes. */
const WITHIN = { timeoutMs: 60_000 };

/** Lets two agents that encrypt know each other's keys, and waits until both use them. */
export async function exchangeKeys(agents: readonly Causeway[]): Promise<void> {
  const nodes: NodeEntry[] = [];
  for (const [index, agent] of agents.entries())
    nodes.push({ ...agent.own, name: `node-${index}`, wireguard: await keyOf(agent) });
  for (const [index, agent] of agents.entries()) {
    // Each calls itself as it was started.
    const own = { ...nodes[index], ...agent.own };
    agent.tell(nodes.with(index, own));
    await waitFor(`${agent.id} to encrypt`, () => hasRoutes(agent.host.netns, "cw-wg") || undefined, WITHIN);
  }
}

function keyOf(agent: Causeway): Promise<NodeKeys> {
  return waitFor(
    `the key of ${agent.id}`,
    async () => {
      const answer = await askForKey(agent.socket, { query: "key", timeoutMs: 1000 });
      return answer.kind === "answer" ? answer.report.key : undefined;
    },
    WITHIN,
  );
}

function hasRoutes(netns: string, device: string): boolean {
  return show(netns, "ip", "route", "show", "dev", device).length > 0;
}

export const WIREGUARD_BY_HAND = "wg0";
const DEVICE = { name: WIREGUARD_BY_HAND, mtu: WIREGUARD_MTU, port: PORT, addresses: [] };

/** Devices of two nodes that know each other, as an operator makes them with wg(8) and ip(8). */
export function encryptByHand({ nodes: [near, far] }: Site): void {
  const keys = new Map([near, far].map((node) => [node, makeDevice(node, [])]));
  for (const [own, other] of [
    [near, far],
    [far, near],
  ] as const) {
    const endpoint = { address: other.address, port: PORT };
    const allowedIps = [cidrFromCanonical(other.podCidr)];
    makeDevice(own, [["other", { publicKey: keys.get(other), endpoint, allowedIps }]]);
  }
}

/** Makes or changes it; gives its public key. */
function makeDevice({ host }: SiteNode, peers: readonly unknown[]): string {
  const script = new URL("../../e2e/encryption/far-node.ts", import.meta.url).pathname;
  const program = [process.execPath, script, JSON.stringify(DEVICE), JSON.stringify(peers)];
  return run(["nsenter", `--net=${netnsPath(host.netns)}`, ...program]).trim();
}
