import {
  __LENGTH_Neighbor,
  formatNeighbor,
  getU32,
  type NeighborFlags,
  type NeighborState,
  parseNeighbor as parseNeighborHeader,
} from "../package.ts";
import { addressFromBytes, addressToBytes, type Family } from "../../net/address.ts";
import { macFromBytes, macToBytes } from "../../net/mac.ts";
import {
  attribute,
  optional,
  readAttributes,
  reading,
  readU32,
  u32Attribute,
} from "../message/attributes.ts";
import {
  AF_BRIDGE,
  NDA_CACHEINFO,
  NDA_DST,
  NDA_IFINDEX,
  NDA_LLADDR,
  NDA_MASTER,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RTM_DELNEIGH,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
} from "../constants.ts";
import { addressFrom, afOf, familyFromAf, familyToAf } from "../family.ts";
import { MalformedMessageError } from "../message/malformed-message-error.ts";
import type { NetlinkRequest } from "../message/message.ts";

/** A permanent entry of the ARP or ND table. */
export interface Neighbour {
  readonly linkIndex: number;
  readonly address: string;
  readonly mac: string;
}

/** An entry as the kernel describes it; no MAC while it is being resolved or has failed. */
export interface ObservedNeighbour extends Omit<Neighbour, "mac"> {
  readonly mac: string | undefined;
  readonly permanent: boolean;
}

/**
 * Who keeps a forwarding entry: the bridge of which the link is a port, or the link itself (VXLAN, or the
 * bridge's own MAC).
 */
export type FdbOwner = "master" | "self";

/** A static entry of a forwarding database. */
export interface FdbEntry {
  readonly linkIndex: number;
  readonly mac: string;
  readonly owner: FdbOwner;
  /** Where a VXLAN device sends frames for this MAC. */
  readonly destination?: string | undefined;
}

export interface ObservedFdbEntry extends FdbEntry {
  /** Never expires and never moves: NUD_PERMANENT (the bridge's own), NUD_NOARP (static). */
  readonly fixed: boolean;
  /** Index of the bridge, for a port's entry. */
  readonly masterIndex: number | undefined;
}

const REPLACE = NLM_F_CREATE | NLM_F_REPLACE;
const OWNER_FLAGS: Readonly<Record<FdbOwner, NeighborFlags>> = {
  master: { master: true },
  self: { self: true },
};

function neighbourRequest(
  type: number,
  flags: number,
  entry: Omit<Neighbour, "mac"> & { mac?: string },
  verb: string,
) {
  const { linkIndex, address, mac } = entry;
  return {
    type,
    flags,
    payload: [
      formatNeighbor({ family: afOf(address), ifindex: linkIndex, state: { permanent: true } }),
      ...attribute(NDA_DST, addressToBytes(address)),
      ...optional(mac, (text) => attribute(NDA_LLADDR, macToBytes(text))),
    ],
    what: `${verb} neighbour ${address}`,
  } satisfies NetlinkRequest;
}

/** EEXIST if the address has an entry on the link. */
export function addNeighbour(entry: Neighbour): NetlinkRequest {
  return neighbourRequest(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, entry, "add");
}

export function replaceNeighbour(entry: Neighbour): NetlinkRequest {
  return neighbourRequest(RTM_NEWNEIGH, REPLACE, entry, "replace");
}

/** ENOENT if there is none. */
export function deleteNeighbour({ linkIndex, address }: Omit<Neighbour, "mac">): NetlinkRequest {
  return neighbourRequest(RTM_DELNEIGH, 0, { linkIndex, address }, "delete");
}

/** The entry of one address; ENOENT if there is none. */
export function getNeighbour({ linkIndex, address }: Omit<Neighbour, "mac">): NetlinkRequest {
  return {
    type: RTM_GETNEIGH,
    flags: 0,
    payload: [
      // The kernel refuses a state in a question (neigh_valid_get_req of net/core/neighbour.c).
      formatNeighbor({ family: afOf(address), ifindex: linkIndex }),
      ...attribute(NDA_DST, addressToBytes(address)),
    ],
    what: `get neighbour ${address}`,
  };
}

export interface NeighbourFilter {
  readonly family?: Family | undefined;
  readonly linkIndex?: number | undefined;
}

export function dumpNeighbours({ family, linkIndex }: NeighbourFilter = {}): NetlinkRequest {
  return {
    type: RTM_GETNEIGH,
    flags: NLM_F_DUMP,
    payload: [
      formatNeighbor({ family: familyToAf(family) }),
      ...optional(linkIndex, (index) => u32Attribute(NDA_IFINDEX, index)),
    ],
    what: "list neighbours",
  };
}

/** Reads the payload of an RTM_NEWNEIGH of AF_INET or AF_INET6; throws {@link MalformedMessageError}. */
export function parseNeighbour(payload: Buffer): ObservedNeighbour {
  const { header, attributes } = readNeighbour("neighbour", payload);
  const family = familyFromAf("neighbour", header.family);
  const address = addressFrom("neighbour", family, attributes.get(NDA_DST));
  if (address === undefined) throw new MalformedMessageError("Cannot read neighbour: no address");
  const mac = attributes.get(NDA_LLADDR);
  return {
    linkIndex: header.ifindex ?? 0,
    address,
    mac: mac && macFromBytes(mac),
    permanent: header.state?.permanent === true,
  };
}

/**
 * A permanent entry, and how long ago its MAC or its state last changed: its age, unless somebody has touched
 * it.
 */
export interface AgedNeighbour {
  readonly address: string;
  readonly ageMs: number;
}

/** Bytes of struct nda_cacheinfo: confirmed, used, updated, references. */
const CACHE_INFO_BYTES = 16;

/**
 * Reads the age of a permanent entry from an RTM_NEWNEIGH; undefined for any other. The kernel counts in
 * USER_HZ, which is 100 on all architectures (neigh_fill_info of net/core/neighbour.c).
 */
export function parseNeighbourAge(payload: Buffer): AgedNeighbour | undefined {
  const { header, attributes } = readNeighbour("neighbour", payload);
  const family = familyFromAf("neighbour", header.family);
  const address = addressFrom("neighbour", family, attributes.get(NDA_DST));
  const times = attributes.get(NDA_CACHEINFO);
  if (header.state?.permanent !== true || address === undefined || times?.length !== CACHE_INFO_BYTES)
    return undefined;
  return { address, ageMs: getU32(times.subarray(8, 12)) * 10 };
}

function fdbRequest(type: number, flags: number, entry: FdbEntry, verb: string): NetlinkRequest {
  const { linkIndex, mac, owner, destination } = entry;
  // A VXLAN device takes no other state than these two for a fixed entry; a bridge reads PERMANENT as "my own
  // MAC".
  const state: NeighborState = owner === "self" ? { permanent: true } : { noarp: true };
  return {
    type,
    flags,
    payload: [
      formatNeighbor({ family: AF_BRIDGE, ifindex: linkIndex, state, flags: OWNER_FLAGS[owner] }),
      ...attribute(NDA_LLADDR, macToBytes(mac)),
      ...optional(destination, (address) => attribute(NDA_DST, addressToBytes(address))),
    ],
    what: `${verb} forwarding entry ${mac}${destination === undefined ? "" : ` to ${destination}`}`,
  };
}

/** EEXIST if the MAC has an entry. */
export function addFdbEntry(entry: FdbEntry): NetlinkRequest {
  return fdbRequest(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, entry, "add");
}

export function replaceFdbEntry(entry: FdbEntry): NetlinkRequest {
  return fdbRequest(RTM_NEWNEIGH, REPLACE, entry, "replace");
}

/** ENOENT if there is none. */
export function deleteFdbEntry(entry: FdbEntry): NetlinkRequest {
  return fdbRequest(RTM_DELNEIGH, 0, entry, "delete");
}

export interface FdbFilter {
  /** Only entries of this port or VXLAN device. */
  readonly linkIndex?: number | undefined;
  /** Only entries of this bridge. */
  readonly masterIndex?: number | undefined;
}

export function dumpFdb({ linkIndex, masterIndex }: FdbFilter = {}): NetlinkRequest {
  return {
    type: RTM_GETNEIGH,
    flags: NLM_F_DUMP,
    payload: [
      formatNeighbor({ family: AF_BRIDGE }),
      ...optional(linkIndex, (index) => u32Attribute(NDA_IFINDEX, index)),
      ...optional(masterIndex, (index) => u32Attribute(NDA_MASTER, index)),
    ],
    what: "list forwarding entries",
  };
}

/**
 * The entry of one MAC in a VXLAN device ("self"), or in a bridge whose index is `linkIndex` ("master");
 * ENOENT if there is none.
 */
export function getFdbEntry({ linkIndex, mac, owner }: Omit<FdbEntry, "destination">): NetlinkRequest {
  return {
    type: RTM_GETNEIGH,
    flags: 0,
    payload: [
      formatNeighbor({
        family: AF_BRIDGE,
        flags: OWNER_FLAGS[owner],
        ...(owner === "self" ? { ifindex: linkIndex } : {}),
      }),
      ...attribute(NDA_LLADDR, macToBytes(mac)),
      ...(owner === "master" ? u32Attribute(NDA_MASTER, linkIndex) : []),
    ],
    what: `get forwarding entry ${mac}`,
  };
}

/** Reads the payload of an RTM_NEWNEIGH of AF_BRIDGE; throws {@link MalformedMessageError}. */
export function parseFdbEntry(payload: Buffer): ObservedFdbEntry {
  const { header, attributes } = readNeighbour("forwarding entry", payload);
  const mac = attributes.get(NDA_LLADDR);
  if (header.family !== AF_BRIDGE || mac === undefined) {
    throw new MalformedMessageError("Cannot read forwarding entry: no MAC address, or another family");
  }
  const destination = attributes.get(NDA_DST);
  return {
    linkIndex: header.ifindex ?? 0,
    mac: macFromBytes(mac),
    owner: header.flags?.self === true ? "self" : "master",
    destination: destination && reading("forwarding entry", () => addressFromBytes(destination)),
    fixed: header.state?.permanent === true || header.state?.noarp === true,
    masterIndex: readU32("forwarding entry", attributes, NDA_MASTER),
  };
}

function readNeighbour(what: string, payload: Buffer) {
  return {
    header: reading(what, () => parseNeighborHeader(payload.subarray(0, __LENGTH_Neighbor))),
    attributes: readAttributes(what, payload.subarray(__LENGTH_Neighbor)),
  };
}
