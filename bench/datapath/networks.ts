import { type Causeway, startCauseway } from "../causeway.ts";
import { type Host, ip, run, show } from "../machine.ts";
import type { Program } from "../program.ts";
import {
  createReference,
  createReferenceWithPorts,
  type ReferenceInput,
  type Release,
} from "../reference.ts";
import { run as runProgram } from "../run-program.ts";
import { encryptByHand, exchangeKeys, WIREGUARD_BY_HAND, WIREGUARD_MTU } from "./encryption.ts";
import { attachBridged, attachRouted, joinDirectly } from "./pods-by-hand.ts";
import {
  CABLE,
  CLUSTER_CIDR,
  makeSite,
  OUTSIDE,
  otherNode,
  podPath,
  type Site,
  type SiteNode,
} from "./site.ts";
import { type Guards, removeGuards } from "./remove-guards.ts";
import type { Path, Way } from "./traffic.ts";

/** Pods of a site that reach each other. */
export interface Network {
  readonly id: string;
  readonly name: string;
  readonly paths: Partial<Record<Way, Path>>;
  /** The first node. */
  readonly near: Host;
  readonly close: () => Promise<void>;
}

export interface NetworkInput {
  readonly id: string;
  readonly name: string;
  /** Nodes that there are besides the two of the site. */
  readonly peers?: number;
  readonly isVxlan?: boolean;
  readonly isEncrypted?: boolean;
  /** Host ports that lead to pods of the first node. */
  readonly hostPorts?: number;
  /** Ours without some of its packet filters: what they cost is what the other has less. */
  readonly withoutGuards?: Guards;
  /** Whether established connections of ours pass all chains by. */
  readonly hasFastPath?: boolean;
}

/** Less than the cable's by the headers of VXLAN over IPv4. */
const VXLAN_MTU = 1450;

/** A pod of ours has at most some 490. */
const PORTS_PER_POD = 250;

/** Pods between which traffic goes on the first node. */
const PODS = 2;

/** Causeway on both nodes. */
export async function makeCauseway(input: NetworkInput): Promise<Network> {
  const { id, name, peers = 0, isVxlan = false, hostPorts = 0, withoutGuards } = input;
  const { isEncrypted = false, hasFastPath = false } = input;
  const site = makeSite(id, Math.max(PODS, hostPorts / PORTS_PER_POD));
  const [near, far] = site.nodes;
  const others = Array.from({ length: peers }, (_, index) => ({
    name: `peer-${index}`,
    ...otherNode(index),
  }));
  const programs: Causeway[] = [];
  for (const [own, other] of [
    [near, far],
    [far, near],
  ] as const) {
    const program = await startCauseway({
      id: own.host.netns,
      host: own.host,
      podCIDRs: [own.podCidr],
      ports: hostPorts === 0 ? 0 : PORTS_PER_POD,
      nodeAddress: own.address,
      peers: [{ name: "other", ...other }, ...others].map((node) => {
        return { name: node.name, addresses: [node.address], podCIDRs: [node.podCidr] };
      }),
      overlay: isVxlan ? "always" : "never",
      isEncrypted,
      hasFastPath,
    });
    programs.push(program);
    attach(program);
    if (withoutGuards !== undefined) {
      await programs.pop()?.close();
      removeGuards(own.host, withoutGuards);
    }
  }
  if (isEncrypted) await exchangeKeys(programs);
  return {
    id,
    name,
    paths: pathsOf(site, isVxlan, peers > 0 || isEncrypted),
    near: near.host,
    close: async () => {
      for (const program of programs) await program.close();
    },
  };
}

export interface ReferenceNetworkInput extends NetworkInput, Pick<ReferenceInput, "plugin" | "ipMasq"> {
  readonly release: Release;
}

/** A reference plugin on both nodes, with the routes that an operator, or flannel, gives it. */
export function makeReference(input: ReferenceNetworkInput): Network {
  const { id, name, peers = 0, isVxlan = false, hostPorts = 0, release, plugin, ipMasq } = input;
  const site = makeSite(id, Math.max(PODS, hostPorts / PORTS_PER_POD));
  for (const { host, podCidr } of site.nodes) {
    const common = { id: host.netns, release, plugin, ipMasq, host, podCIDRs: [podCidr], share: 1 };
    attach(
      hostPorts > 0 && ipMasq !== undefined
        ? createReferenceWithPorts({ ...common, ipMasq, ports: PORTS_PER_POD })
        : createReference(isVxlan ? { ...common, mtu: VXLAN_MTU } : common),
    );
  }
  connectByHand(site, { peers, isVxlan });
  const [{ host: near }] = site.nodes;
  return { id, name, paths: pathsOf(site, isVxlan, peers > 0), near, close: async () => undefined };
}

/**
 * Veths made by hand, without a bridge unless one is asked for: between two pods of a node directly, else
 * routed by the host.
 */
export function makeRaw(input: NetworkInput & { readonly isBridged?: boolean }): Network {
  const { id, name, isVxlan = false, isEncrypted = false, isBridged = false } = input;
  const site = makeSite(id, PODS);
  const mtu = Math.min(isVxlan ? VXLAN_MTU : 1500, isEncrypted ? WIREGUARD_MTU : 1500);
  for (const node of site.nodes) (isBridged ? attachBridged : attachRouted)(node, mtu);
  if (isEncrypted) encryptByHand(site);
  connectByHand(site, { isVxlan, isEncrypted });
  const [near] = site.nodes;
  const paths = pathsOf(site, isVxlan);
  return {
    id,
    name,
    paths: isVxlan ? paths : { ...paths, "same node": joinDirectly(near) },
    near: near.host,
    close: async () => undefined,
  };
}

function attach(program: Program): void {
  const pods = program.host.podNetns.map((_, pod) => pod);
  runProgram({ program, command: "ADD", pods, concurrency: 1 });
}

/**
 * Routes from node to node, to those of `peers` others, and masquerade of what leaves the cluster: what an
 * agent would do.
 */
function connectByHand(
  { nodes }: Site,
  { peers = 0, ...links }: Pick<NetworkInput, "peers" | "isVxlan" | "isEncrypted">,
): void {
  for (const [own, other] of [nodes, nodes.toReversed()] as [SiteNode, SiteNode][]) {
    const others = Array.from({ length: peers }, (_, index) => otherNode(index));
    ip(
      [
        ...routeLines(own, other, links),
        ...others.map(({ podCidr, address }) => `route add ${podCidr} via ${address}`),
      ],
      own.host.netns,
    );
    if (links.isVxlan === true) {
      const entry = ["fdb", "append", macOf(other), "dev", "vx0", "dst", other.address, "self", "permanent"];
      run(["bridge", "-netns", own.host.netns, ...entry]);
    }
    const rule = `ip saddr ${own.podCidr} ip daddr != ${CLUSTER_CIDR} masquerade`;
    const chain = `chain postrouting { type nat hook postrouting priority 100; ${rule}; }`;
    run(["ip", "netns", "exec", own.host.netns, "nft", `table ip by-hand { ${chain}; }`]);
  }
}

function routeLines(
  own: SiteNode,
  other: SiteNode,
  { isVxlan = false, isEncrypted = false }: Pick<NetworkInput, "isVxlan" | "isEncrypted">,
): readonly string[] {
  if (isVxlan) return vxlanLines(own, other);
  const link = isEncrypted ? `dev ${WIREGUARD_BY_HAND}` : `via ${other.address}`;
  return [`route add ${other.podCidr} ${link}`];
}

/** A VXLAN device whose neighbours and forwarding entries are permanent, as flannel makes it. */
function vxlanLines(own: SiteNode, other: SiteNode): string[] {
  const gateway = ({ podCidr }: SiteNode): string => podCidr.replace("/24", "");
  return [
    `link add vx0 mtu ${VXLAN_MTU} address ${macOf(own)} type vxlan id 1 local ${own.address} dev ${CABLE} dstport 4789 nolearning`,
    `address add ${gateway(own)}/32 dev vx0`,
    "link set vx0 up",
    `route add ${other.podCidr} via ${gateway(other)} dev vx0 onlink`,
    `neighbour add ${gateway(other)} lladdr ${macOf(other)} dev vx0 nud permanent`,
  ];
}

/** Of a node's VXLAN device. */
function macOf({ address }: SiteNode): string {
  return `0a:58:ac:10:00:0${address.at(-1)}`;
}

/** Routes to other nodes have a part only in what goes to other nodes. */
function pathsOf(
  { nodes: [near, far], outside }: Site,
  isVxlan: boolean,
  hasPeers = false,
): Network["paths"] {
  const client = podPath(near, 0);
  const to = (node: SiteNode, pod: number): Path => {
    return { client, server: podPath(node, pod), address: podAddress(node, pod) };
  };
  if (isVxlan) return { "across nodes, VXLAN": to(far, 0) };
  if (hasPeers) return { "across nodes": to(far, 0) };
  return {
    "same node": to(near, 1),
    "across nodes": to(far, 0),
    outside: { client, server: OUTSIDE, address: outside },
  };
}

function podAddress({ host }: SiteNode, pod: number): string {
  const [link] = show(host.podNetns[pod] ?? "", "ip", "-4", "address", "show", "eth0") as {
    addr_info: { local: string }[];
  }[];
  return link?.addr_info[0]?.local ?? "";
}
