import type { PeerKnowledge } from "../diagnosis/path-observation.ts";
import { overlayRouteCommand } from "../diagnosis/overlay-remedies.ts";
import { allOf, shellWord } from "../diagnosis/shell.ts";
import { familyOf } from "../net/address.ts";
import { addressAt, addressBits, cidrOf, formatCidr } from "../net/cidr.ts";
import type { NodeReport, PeerReport } from "../report/node-report.ts";
import type { KernelQuestions } from "../kernel/read/kernel-questions.ts";
import type { Datapath } from "../kernel/read/observe-datapath.ts";
import type { TableQuestions } from "../kernel/read/table-questions.ts";

/**
 * The other node that holds an address by its PodCIDR: as the agent knows it; else as the set of the
 * cluster's prefixes tells, and what is left of the way in the kernel. Undefined: no node has it, as far as
 * is known.
 */
export async function findPeer(
  { questions, tables, node, report }: PeerSources,
  address: string,
): Promise<PeerKnowledge | undefined> {
  const known = report && findHolder(report.peers.list, address);
  if (known !== undefined)
    return {
      name: known.node,
      podCidr: known.podCIDR,
      isCertain: true,
      reason: known.reason,
      remedy: undefined,
    };
  if (report !== undefined) return undefined;
  const inside = await tables.element(`inside${familyOf(address)}`, [address]).catch(() => undefined);
  return inside?.kind === "present" ? findRemnant({ questions, node }, address) : undefined;
}

/**
 * Among thousands: one comparison of text for each length that PodCIDRs have, instead of reading them all.
 */
function findHolder(peers: readonly PeerReport[], address: string): PeerReport | undefined {
  const byCidr = new Map(peers.map((peer) => [peer.podCIDR, peer]));
  const lengths = new Set(peers.map(({ podCIDR }) => Number(podCIDR.slice(podCIDR.indexOf("/") + 1))));
  for (const length of lengths) {
    if (length > addressBits(familyOf(address))) continue;
    const holder = byCidr.get(formatCidr(cidrOf(address, length)));
    if (holder !== undefined) return holder;
  }
  return undefined;
}

export interface PeerSources {
  readonly questions: KernelQuestions;
  readonly tables: TableQuestions;
  readonly node: Datapath;
  readonly report: NodeReport | undefined;
}

/**
 * PodCIDRs of a cluster mostly have one length: then a neighbour of a VXLAN device tells which is meant, and
 * the whole way.
 */
async function findRemnant(
  { questions, node }: Pick<PeerSources, "questions" | "node">,
  address: string,
): Promise<PeerKnowledge> {
  const own = node.gateways.find((gateway) => familyOf(gateway.address) === familyOf(address));
  const cidr = cidrOf(address, own?.prefixLength ?? (familyOf(address) === 4 ? 24 : 64));
  const podCidr = formatCidr(cidr);
  const gateway = addressAt(cidr, 1n);
  for (const tunnel of node.tunnels) {
    if ((await questions.neighbour(tunnel.index, gateway)) === undefined) continue;
    const up = tunnel.up ? [] : [`ip link set dev ${shellWord(tunnel.name)} up`];
    const remedy = allOf(
      ...up,
      overlayRouteCommand({ podCidr, gateway, device: tunnel.name, source: own?.address }),
    );
    return { name: undefined, podCidr, isCertain: true, reason: undefined, remedy };
  }
  return { name: undefined, podCidr, isCertain: false, reason: undefined, remedy: undefined };
}
