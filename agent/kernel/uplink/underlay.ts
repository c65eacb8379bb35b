import { addressToBytes, familyOf } from "../../net/address.ts";
import { type AddressCover, createAddressCover } from "../../net/address-cover.ts";
import type { ObservedAddress } from "../../netlink/route/address.ts";
import { RT_TABLE_MAIN, RTPROT_RA } from "../../netlink/constants.ts";
import { dumpLinks, getLink, type LinkFilter, setLink } from "../../netlink/link/link.ts";
import { type Link, parseLink } from "../../netlink/link/parse-link.ts";
import { dumpRoutes, parseRoute } from "../../netlink/route/route.ts";
import { FAMILIES } from "../../plan/peers/peer-routes.ts";
import {
  createRouteInterner,
  judgeRoute,
  type LinksByFamily,
  SERVICE_LINK,
  sizeAddresses,
  type Underlay,
  type UnderlayRoute,
} from "../../plan/node/underlay.ts";
import { isRouter, ROUTER_CONF } from "../link/change-link.ts";
import { listAddresses } from "../link/list-addresses.ts";
import { isOurs } from "../link/ownership.ts";
import { findLink, readOutcome } from "../socket/read-one.ts";
import { lookUpRoutes, OUTSIDE } from "../socket/route-lookup.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import { readNameServers, surroundingsOf } from "./surroundings.ts";
import type { PrefixQuestion } from "../link/watch-kernel.ts";

/**
 * As many known routes are asked for again by each observation: some changes, such as those of a VRF, are
 * told to nobody.
 */
const ASKED_AGAIN = 500;

/** The kind of a link that stands for a table of routes, which its ports alone use. */
const VRF = "vrf";

const ALL_OUTSIDE = FAMILIES.flatMap((family) => OUTSIDE[family]);

/** How this node is connected to others, as the kernel's own route lookup has it. */
export interface UnderlayObserver {
  /**
   * `own`: this node's addresses, `peers`: those of others. Routes that are known are taken as they were, but
   * for some that are asked for again. "new only" looks at nothing but the routes to addresses that were not
   * known before.
   */
  observe(own: readonly string[], peers: readonly string[], scope: UnderlayScope): Promise<Underlay>;
  /** The next observation asks for everything. */
  forget(): void;
  /** Whether what happens to the link may change an answer. */
  concerns(linkIndex: number): boolean;
  /** Whether a route to this prefix may lead to another node. */
  readonly leadsToNodes: PrefixQuestion;
}

export type UnderlayScope = "all" | "new only";

export function createUnderlayObserver(rtnetlink: NetlinkClient): UnderlayObserver {
  const keep = createRouteInterner();
  /** The route asked for longest ago comes first. */
  let known = new Map<string, UnderlayRoute>();
  let side: OwnSide | undefined;
  let watched: ReadonlySet<number> = new Set();
  let cover = createAddressCover([]);
  let covered: readonly string[] = [];

  return {
    concerns: (linkIndex) => watched.has(linkIndex),
    leadsToNodes: (family, base, prefixLength) => cover.holdsAny(family, base, prefixLength),
    forget() {
      known = new Map();
      side = undefined;
    },
    async observe(own, peers, scope) {
      // What is asked before somebody forgets is not known afterwards.
      const routes = known;
      const isQuick = scope === "new only" && side !== undefined;
      const seen = isQuick && side !== undefined ? side : await observeOwnSide(rtnetlink);
      side = seen;
      const wanted = new Set([...ALL_OUTSIDE, ...peers]);
      for (const address of routes.keys()) if (!wanted.has(address)) routes.delete(address);
      const again = isQuick ? [] : [...routes.keys()].slice(0, ASKED_AGAIN);
      const asked = [...again, ...[...wanted].filter((address) => !routes.has(address))];
      const answers = await lookUpRoutes(rtnetlink, asked);
      await readLinks(rtnetlink, seen.links, [
        ...[...routes.values()].flatMap(({ links }) => links),
        ...[...answers.values()].flatMap((answer) =>
          typeof answer === "string" ? [] : answer.hops.map(({ linkIndex }) => linkIndex),
        ),
      ]);
      for (const [address, answer] of answers) {
        routes.delete(address);
        routes.set(address, keep(judgeRoute(answer, (index) => routeLinkOf(seen.links.get(index)))));
      }
      if (peers.join() !== covered.join()) cover = createAddressCover(peers);
      covered = peers;
      watched = findWatched(seen, { own, cover, routes });
      return describeUnderlay(seen, own, routes);
    },
  };
}

/** What is on this node, whoever the others are. */
interface OwnSide {
  /**
   * Those that packets may take, or that have an address; undefined: it is gone. Of others, which come and go
   * by thousands, nothing is read.
   */
  readonly links: Map<number, Link | undefined>;
  readonly addresses: readonly ObservedAddress[];
  /**
   * Links on which a router has announced itself: with forwarding on, they go on hearing it only if told to.
   */
  readonly advertised: readonly number[];
  readonly nameServers: readonly string[];
}

async function observeOwnSide(rtnetlink: NetlinkClient): Promise<OwnSide> {
  const [addresses, advertised, nameServers] = await Promise.all([
    listAddresses(rtnetlink),
    listAdvertised(rtnetlink),
    readNameServers(),
  ]);
  const links: OwnSide["links"] = new Map();
  await readLinks(rtnetlink, links, [...addresses.map(({ linkIndex }) => linkIndex), ...advertised]);
  await readLinks(
    rtnetlink,
    links,
    [...links.values()].flatMap((link) => link?.masterIndex ?? []),
  );
  return { links, addresses, nameServers, advertised };
}

async function listAdvertised(rtnetlink: NetlinkClient): Promise<readonly number[]> {
  const learned = await rtnetlink.dump(dumpRoutes({ family: 6, table: RT_TABLE_MAIN, protocol: RTPROT_RA }));
  return learned.map(parseRoute).flatMap(({ destination, linkIndex, nextHops }) => {
    if (destination.prefixLength > 0) return [];
    return linkIndex === undefined ? nextHops.map((hop) => hop.linkIndex) : [linkIndex];
  });
}

/** Adds those links to `known` that it does not have. */
async function readLinks(
  rtnetlink: NetlinkClient,
  known: OwnSide["links"],
  indices: readonly number[],
): Promise<void> {
  const missing = [...new Set(indices)].filter((index) => !known.has(index));
  if (missing.length === 0) return;
  const outcomes = (
    await rtnetlink.tryExecute([{ requests: missing.map((index) => getLink(index)) }])
  ).flat();
  for (const [position, index] of missing.entries())
    known.set(index, readOutcome(outcomes[position], parseLink));
}

function routeLinkOf(link: Link | undefined) {
  return link && { name: link.name, hasNeighbours: link.hasNeighbours, isOurs: isOurs(link) };
}

function describeUnderlay(
  { links, addresses, advertised, nameServers }: OwnSide,
  own: readonly string[],
  routes: ReadonlyMap<string, UnderlayRoute>,
): Underlay {
  const peers: LinksByFamily = { 4: new Set(), 6: new Set() };
  const others: LinksByFamily = { 4: new Set(), 6: new Set() };
  const outside = new Set(ALL_OUTSIDE);
  const gateways = new Set<string>();
  const result = new Map<string, UnderlayRoute>();
  for (const [address, route] of routes) {
    const found = (outside.has(address) ? others : peers)[familyOf(address)];
    for (const index of route.links) found.add(index);
    if (!outside.has(address)) result.set(address, route);
    else if (route.kind === "routed") for (const gateway of route.gateways) gateways.add(gateway);
  }
  const carried = addresses.filter(({ address }) => own.includes(address));
  const carriesTraffic = (index: number): boolean => {
    const link = links.get(index);
    return link !== undefined && leadsOn(link);
  };
  const uplinks = new Set([
    ...carried.map(({ linkIndex }) => linkIndex).filter(carriesTraffic),
    ...peers[4],
    ...peers[6],
    ...others[4],
    ...others[6],
    ...advertised,
  ]);
  return {
    uplinks: [...uplinks].flatMap((index) => {
      const link = links.get(index);
      return link === undefined || isOurs(link) ? [] : [{ name: link.name, mtu: link.mtu }];
    }),
    addresses: sizeAddresses(
      carried,
      (index) => {
        const link = links.get(index);
        return link && { mtu: link.mtu, up: link.up, carriesTraffic: leadsOn(link) };
      },
      { peers, others },
    ),
    routes: result,
    serviceAddresses: addresses
      .filter(({ linkIndex }) => links.get(linkIndex)?.name === SERVICE_LINK)
      .map(({ address }) => address),
    vrfAddresses: carried.flatMap(({ address, linkIndex }) => {
      const link = links.get(linkIndex);
      const vrf = link?.kind === VRF ? link : links.get(link?.masterIndex ?? 0);
      return link === undefined || vrf?.kind !== VRF ? [] : [{ address, link: link.name, vrf: vrf.name }];
    }),
    surroundings: surroundingsOf({
      links: [...links.values()].filter((link) => link !== undefined),
      addresses,
      gateways: [...gateways],
      nameServers,
    }),
  };
}

/** Links for addresses alone. */
const NO_WAY: ReadonlySet<string | undefined> = new Set(["dummy", VRF]);

function leadsOn({ loopback, kind }: Link): boolean {
  return !loopback && !NO_WAY.has(kind);
}

interface Watched {
  readonly own: readonly string[];
  readonly cover: AddressCover;
  readonly routes: ReadonlyMap<string, UnderlayRoute>;
}

/**
 * Links that lead somewhere, or would if their carrier came or went: those on whose subnets other nodes are.
 */
function findWatched({ links, addresses, advertised }: OwnSide, { own, cover, routes }: Watched) {
  const near = addresses.filter(({ address, prefixLength, linkIndex, scope }) => {
    const link = links.get(linkIndex);
    if (scope !== "global" || link === undefined || isOurs(link)) return false;
    return own.includes(address) || cover.holdsAny(familyOf(address), addressToBytes(address), prefixLength);
  });
  return new Set([
    ...advertised,
    ...near.map(({ linkIndex }) => linkIndex),
    ...[...new Set(routes.values())].flatMap((route) => route.links),
  ]);
}

/** All links, or at least those of the filter. */
export async function listLinks(rtnetlink: NetlinkClient, filter: LinkFilter = {}): Promise<Link[]> {
  return (await rtnetlink.dump(dumpLinks(filter))).map(parseLink);
}

/**
 * Lets the uplinks forward IPv4: by netlink, which needs no writable /proc/sys. A link that is gone meanwhile
 * is no uplink any more. Gives the names of those that did not forward.
 */
export async function ensureForwarding(
  rtnetlink: NetlinkClient,
  names: readonly string[],
): Promise<readonly string[]> {
  const links = await Promise.all(names.map((name) => findLink(rtnetlink, name)));
  const closed = links
    .filter((link) => link !== undefined)
    .filter(({ inetConf }) => inetConf !== undefined && !isRouter(inetConf));
  if (closed.length === 0) return [];
  await rtnetlink.execute([
    { requests: closed.map(({ index }) => setLink(index, { inetConf: ROUTER_CONF })) },
  ]);
  return closed.map(({ name }) => name);
}
