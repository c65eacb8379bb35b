import { __LENGTH_Address, formatAddress, parseAddress as parseAddressHeader, putU32 } from "../package.ts";
import { addressToBytes, type Family } from "../../net/address.ts";
import {
  attribute,
  optional,
  readAttributes,
  reading,
  readU8,
  readU32,
  u8Attribute,
  u32Attribute,
} from "../message/attributes.ts";
import {
  IFA_ADDRESS,
  IFA_CACHEINFO,
  IFA_F_DADFAILED,
  IFA_F_DEPRECATED,
  IFA_F_NODAD,
  IFA_F_NOPREFIXROUTE,
  IFA_F_TENTATIVE,
  IFA_FLAGS,
  IFA_LOCAL,
  IFA_PROTO,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_NEWADDR,
} from "../constants.ts";
import { addressFrom, afOf, familyFromAf, familyToAf } from "../family.ts";
import { MalformedMessageError } from "../message/malformed-message-error.ts";
import type { NetlinkRequest } from "../message/message.ts";
import { type Scope, scopeFromNumber, scopeToNumber } from "../scope.ts";

/** An address of a link. */
export interface LinkAddress {
  readonly linkIndex: number;
  readonly address: string;
  readonly prefixLength: number;
  readonly scope: Scope;
  /** No duplicate address detection (IPv6). */
  readonly noDad: boolean;
  /** The kernel makes no route to the prefix. */
  readonly noPrefixRoute: boolean;
  /** Not to be used for anything new: its preferred lifetime is over, its valid one lasts for ever. */
  readonly deprecated: boolean;
  /** Who set it (IFA_PROTO); 0 for nobody in particular, also on Linux before 5.18. */
  readonly protocol: number;
}

/** As the kernel describes it. */
export interface ObservedAddress extends LinkAddress {
  /** Duplicate address detection is running or has failed: not usable (IPv6). */
  readonly tentative: boolean;
  readonly dadFailed: boolean;
}

export type AddressSpec = Pick<LinkAddress, "linkIndex" | "address" | "prefixLength"> & Partial<LinkAddress>;

/** INFINITY_LIFE_TIME of net/addrconf.h. */
const FOREVER = 0xffffffff;

function addressRequest(type: number, flags: number, spec: AddressSpec, verb: string): NetlinkRequest {
  const {
    linkIndex,
    address,
    prefixLength,
    scope = "global",
    noDad,
    noPrefixRoute,
    deprecated,
    protocol,
  } = spec;
  const bytes = addressToBytes(address);
  const addressFlags =
    (noDad === true ? IFA_F_NODAD : 0) | (noPrefixRoute === true ? IFA_F_NOPREFIXROUTE : 0);
  const header = {
    family: afOf(address),
    prefixlen: prefixLength,
    scope: scopeToNumber(scope),
    index: linkIndex,
  };
  return {
    type,
    flags,
    payload: [
      formatAddress(header),
      ...attribute(IFA_LOCAL, bytes),
      ...attribute(IFA_ADDRESS, bytes),
      ...(addressFlags === 0 ? [] : u32Attribute(IFA_FLAGS, addressFlags)),
      ...optional(deprecated, (isDeprecated) => attribute(IFA_CACHEINFO, cacheInfo(isDeprecated))),
      ...optional(protocol, (number) => u8Attribute(IFA_PROTO, number)),
    ],
    what: `${verb} address ${address}/${prefixLength}`,
  };
}

/** EEXIST if the link has it. */
export function addAddress(spec: AddressSpec): NetlinkRequest {
  return addressRequest(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, spec, "add");
}

/** Adds the address or gives the one that the link has the same lifetimes. */
export function replaceAddress(spec: AddressSpec): NetlinkRequest {
  return addressRequest(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, spec, "replace");
}

/**
 * struct ifa_cacheinfo of linux/if_addr.h: preferred and valid lifetime in seconds, and two times that only
 * the kernel sets.
 */
function cacheInfo(isDeprecated: boolean): Buffer {
  return Buffer.concat([putU32(isDeprecated ? 0 : FOREVER), putU32(FOREVER), putU32(0), putU32(0)]);
}

/** EADDRNOTAVAIL if the link does not have it. */
export function deleteAddress(
  spec: Pick<LinkAddress, "linkIndex" | "address" | "prefixLength">,
): NetlinkRequest {
  return addressRequest(RTM_DELADDR, 0, spec, "delete");
}

export interface AddressFilter {
  readonly family?: Family | undefined;
  /** ENODEV if there is no such link. */
  readonly linkIndex?: number | undefined;
}

export function dumpAddresses({ family, linkIndex = 0 }: AddressFilter = {}): NetlinkRequest {
  return {
    type: RTM_GETADDR,
    flags: NLM_F_DUMP,
    payload: [formatAddress({ family: familyToAf(family), index: linkIndex })],
    what: "list addresses",
    parts: {
      identity(payload) {
        const { linkIndex: link, address, prefixLength } = parseAddress(payload);
        return `${link} ${address}/${prefixLength}`;
      },
    },
  };
}

/** Reads the payload of an RTM_NEWADDR or RTM_DELADDR; throws {@link MalformedMessageError}. */
export function parseAddress(payload: Buffer): ObservedAddress {
  const header = reading("address", () => parseAddressHeader(payload.subarray(0, __LENGTH_Address)));
  const attributes = readAttributes("address", payload.subarray(__LENGTH_Address));
  const family = familyFromAf("address", header.family);
  // IFA_ADDRESS is the peer's on a point-to-point link; ours is IFA_LOCAL, which IPv6 leaves out when there
  // is no peer.
  const address = addressFrom("address", family, attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS));
  if (address === undefined) throw new MalformedMessageError("Cannot read address: it is missing");
  const flags = readU32("address", attributes, IFA_FLAGS) ?? payload[2] ?? 0;
  return {
    linkIndex: header.index ?? 0,
    address,
    prefixLength: header.prefixlen ?? 0,
    scope: scopeFromNumber(header.scope ?? 0),
    noDad: (flags & IFA_F_NODAD) !== 0,
    noPrefixRoute: (flags & IFA_F_NOPREFIXROUTE) !== 0,
    deprecated: (flags & IFA_F_DEPRECATED) !== 0,
    protocol: readU8("address", attributes, IFA_PROTO) ?? 0,
    tentative: (flags & IFA_F_TENTATIVE) !== 0,
    dadFailed: (flags & IFA_F_DADFAILED) !== 0,
  };
}
