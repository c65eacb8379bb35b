import type { Observed } from "../../diagnosis/finding.ts";
import type { ForwardChain } from "../../plan/foreign/forward-chain.ts";
import type {
  Delivery,
  GuardElement,
  NextHop,
  OverlayObservation,
  PathObservation,
  PodEnd,
} from "../../diagnosis/path-observation.ts";
import { type Family, familyOf } from "../../net/address.ts";
import { type Cidr, cidrContains, cidrOf } from "../../net/cidr.ts";
import { listTable } from "../../kernel/nft/list-table.ts";
import { isPeerRoute } from "../../kernel/peer/peer-shape.ts";
import { listFdb, listNeighbours } from "../../kernel/link/list-neighbours.ts";
import type { NetlinkClient } from "../../kernel/socket/netlink-client.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import type { Route } from "../../netlink/route/route.ts";
import type { RouteLookup } from "../../netlink/route/route-lookup.ts";
import { listOverlayElements } from "../../plan/rules/overlay-guard.ts";
import type { NodeReport } from "../../report/node-report.ts";
import { findPeer } from "../find-peer.ts";
import { createKernelQuestions, type KernelQuestions } from "../../kernel/read/kernel-questions.ts";
import { observeEncrypted } from "./observe-encryption.ts";
import { observeForwardChains } from "./observe-forward-chains.ts";
import { observeHostPort } from "./observe-host-port.ts";
import { observeMasquerade } from "./observe-masquerade.ts";
import { observed } from "../observed.ts";
import { type Datapath, observeDatapath } from "../../kernel/read/observe-datapath.ts";
import { observePods } from "./observe-pods.ts";
import { type AskedPath, observePolicies } from "./observe-policies.ts";
import { observeTranslation } from "./observe-translation.ts";
import { readSysctl } from "../read-proc.ts";
import { createTableQuestions, type TableQuestions } from "../../kernel/read/table-questions.ts";

export interface PathQuestion extends AskedPath {
  readonly nodeName: string;
  /** Undefined while the agent is away. */
  readonly report: NodeReport | undefined;
}

export interface PathSources {
  readonly rtnetlink: NetlinkClient;
  /** The same for NETLINK_NETFILTER. */
  readonly netfilter: NetlinkClient;
}

interface Context {
  readonly rtnetlink: NetlinkClient;
  readonly questions: KernelQuestions;
  readonly tables: TableQuestions;
  readonly node: Datapath;
  readonly pods: readonly PodEnd[];
  readonly report: NodeReport | undefined;
}

/** RTN_LOCAL of linux/rtnetlink.h. */
const LOCAL = 2;

/** Asks the kernel at every hop what it would do, and changes nothing: no packet is sent. */
export async function observePath(
  { rtnetlink, netfilter }: PathSources,
  question: PathQuestion,
): Promise<PathObservation> {
  const { source, target, nodeName, report } = question;
  const questions = createKernelQuestions(rtnetlink);
  const tables = createTableQuestions(netfilter);
  const node = await observeDatapath(rtnetlink);
  const pods = await observePods(rtnetlink, node);
  const context: Context = { rtnetlink, questions, tables, node, pods, report };
  const { bridge } = node;
  const fromPod = (destination: string) => ({ destination, source, inputLink: bridge?.index });
  const isLocal = isLocalRoute(await questions.lookUpRoute({ destination: target.address }));
  const translation = await observeTranslation(node, pods, { source, target, isLocal });
  // A translation is made once: what others have translated is no host port any more.
  const [translated] = translation?.kind === "translated" ? translation.endpoints : [];
  const endpoint = translated?.address;
  const isHostPort = isLocal && endpoint === undefined;
  const port = isHostPort ? await observeHostPort(tables, node.hostLinks, target) : undefined;
  const behind = translated ?? translate(port);
  const destination = behind?.address ?? target.address;
  const lookup = await questions.lookUpRoute(fromPod(destination));
  const entry = await questions.entry(fromPod(destination));
  const delivery = await observeDelivery(context, { source, destination, lookup, entry });
  const backLink = linkOf(node, lookup.kind === "route" ? lookup.linkIndex : undefined);
  const isThrough = delivery.kind !== "node";
  const answers = isThrough
    ? { destination: source, source: destination, inputLink: backLink?.index }
    : { destination: source };
  return {
    source,
    target,
    nodeName,
    bridge,
    gateways: node.gateways,
    ipv6Forwarding: await readSysctl("net/ipv6/conf/all/forwarding"),
    pod: pods.find(({ address }) => address === source),
    guard: await observed(() => listTable(netfilter, { family: "bridge" })),
    sourceRoute: await findPeerRoute(questions, source),
    hostPort: port && { ...port, isLocal },
    translation,
    destination,
    lookup,
    entry,
    peer: await findPeer({ questions, tables, node, report }, destination),
    chains: await observeChains(bridge, familyOf(source)),
    policies: await observePolicies(question, destination, behind),
    delivery,
    back: lookup.kind === "refused" ? undefined : await questions.lookUpRoute(answers),
    backEntry: await questions.entry(answers),
    backLink: isThrough ? backLink : undefined,
  };
}

/** The route to another node by which the node itself reaches an address. */
async function findPeerRoute(questions: KernelQuestions, destination: string): Promise<Route | undefined> {
  const entry = await questions.entry({ destination });
  return entry !== undefined && isPeerRoute(entry) ? entry : undefined;
}

function isLocalRoute(lookup: RouteLookup): boolean {
  return lookup.kind === "route" && lookup.type === LOCAL;
}

/** The pod's address and port to which the map leads. */
function translate(
  port: Awaited<ReturnType<typeof observeHostPort>>,
): { readonly address: string; readonly port: number } | undefined {
  if (port === undefined || "error" in port.element) return undefined;
  const [address, number] = port.element.value?.split(" . ") ?? [];
  return address === undefined ? undefined : { address, port: Number(number) };
}

function linkOf({ links }: Datapath, index: number | undefined): Link | undefined {
  return index === undefined ? undefined : links.find((link) => link.index === index);
}

async function observeChains(
  bridge: Link | undefined,
  family: Family,
): Promise<Observed<readonly ForwardChain[]>> {
  return observed(async () => (await observeForwardChains(bridge?.name ?? "", [family])).chains);
}

/**
 * Whether an address is of this node's PodCIDRs: of those the pods' have routes, and the rest is unreachable.
 */
function isOwn({ gateways }: Datapath, destination: string): boolean {
  return gateways.some(({ address, prefixLength }) =>
    cidrContains(cidrOf(address, prefixLength), destination),
  );
}

interface Packet {
  readonly source: string;
  readonly destination: string;
  readonly lookup: RouteLookup;
  readonly entry: Route | undefined;
}

async function observeDelivery(context: Context, packet: Packet): Promise<Delivery> {
  const { node } = context;
  const { source, destination, lookup, entry } = packet;
  const end = context.pods.find(({ address }) => address === destination);
  if (lookup.kind === "refused") return isOwn(node, destination) ? { kind: "pod", end } : { kind: "nowhere" };
  if (lookup.type === LOCAL) return { kind: "node" };
  if (lookup.linkIndex === node.bridge?.index) return { kind: "pod", end };
  const tunnel = node.tunnels.find(({ index }) => index === lookup.linkIndex);
  if (tunnel !== undefined)
    return {
      kind: "overlay",
      overlay: await observeOverlay(context, tunnel, { gateway: lookup.gateway ?? destination, entry }),
    };
  if (node.wireguard !== undefined && lookup.linkIndex === node.wireguard.index)
    return {
      kind: "encrypted",
      encrypted: await observeEncrypted(node.wireguard, destination, context.report),
    };
  const hop = await observeHop(context, lookup, destination);
  if (entry !== undefined && isPeerRoute(entry)) return { kind: "direct", hop };
  return {
    kind: "egress",
    hop,
    masquerade: await observeMasquerade(context.tables, { source, destination }),
  };
}

/** The next host on a link: the gateway, or the destination itself. */
async function observeHop(
  { questions, node }: Context,
  lookup: Extract<RouteLookup, { kind: "route" }>,
  destination: string,
): Promise<NextHop> {
  const address = lookup.gateway ?? destination;
  const link = linkOf(node, lookup.linkIndex);
  const neighbour = link && (await questions.neighbour(link.index, address));
  const state = neighbour?.mac === undefined ? "unresolved" : "resolved";
  return { address, link, state: neighbour === undefined ? "unasked" : state };
}

async function observeOverlay(
  context: Context,
  tunnel: Link,
  { gateway, entry }: { readonly gateway: string; readonly entry: Route | undefined },
): Promise<OverlayObservation> {
  const { questions } = context;
  const mac = (await questions.neighbour(tunnel.index, gateway))?.mac;
  if (mac === undefined)
    return {
      tunnel,
      gateway,
      mac,
      remote: undefined,
      orphans: await findOrphans(context.rtnetlink, tunnel),
      outer: undefined,
      hop: undefined,
      lacking: undefined,
    };
  const remote = (await questions.fdbEntry({ linkIndex: tunnel.index, mac, owner: "self" }))?.destination;
  const outer = remote === undefined ? undefined : await questions.lookUpRoute({ destination: remote });
  const hop =
    outer?.kind === "route" && remote !== undefined ? await observeHop(context, outer, remote) : undefined;
  const lacking =
    remote === undefined || entry === undefined
      ? undefined
      : await observed(() => findLacking(context.tables, remote, entry.destination));
  return { tunnel, gateway, mac, remote, orphans: [], outer, hop, lacking };
}

/**
 * What the overlay's guard must know of a node, and does not. Where there is no such set nothing is judged.
 */
async function findLacking(
  tables: TableQuestions,
  remote: string,
  podCidr: Cidr,
): Promise<readonly GuardElement[]> {
  const lacking: GuardElement[] = [];
  for (const own of listOverlayElements({ addresses: [remote], cidrs: [podCidr] })) {
    const [key = ""] = own.element.split(" : ");
    const answer = await tables.element(own.set, key.split(" . "));
    if (answer.kind === "absent") lacking.push(own);
  }
  return lacking;
}

/** MACs of other nodes whose gateway is missing. */
async function findOrphans(rtnetlink: NetlinkClient, { index: linkIndex }: Link): Promise<readonly string[]> {
  const known = new Set((await listNeighbours(rtnetlink, linkIndex)).map(({ mac }) => mac));
  const entries = await listFdb(rtnetlink, { linkIndex });
  return entries.flatMap(({ mac, destination }) =>
    destination === undefined || known.has(mac) ? [] : [mac],
  );
}
