import {
  NFT_META_L4PROTO,
  NFT_META_NFPROTO,
  NFT_PAYLOAD_NETWORK_HEADER,
  NFT_PAYLOAD_TRANSPORT_HEADER,
} from "../../../netlink/constants.ts";
import { familyToAf } from "../../../netlink/family.ts";
import type { Attribute } from "../../../netlink/message/attributes.ts";
import { compare, meta, payload, type PayloadField } from "../../../netlink/nft/table/nft-expressions.ts";
import type { LookupKey, PolicyChain } from "../../../plan/policy/compile/policy-table.ts";

type Family = PolicyChain["family"];

/** saddr and daddr of struct iphdr (linux/ip.h) and of struct ipv6hdr (linux/ipv6.h). */
const ADDRESSES: Readonly<Record<Family, Readonly<Record<"source" | "destination", PayloadField>>>> = {
  4: { source: network(12, 4), destination: network(16, 4) },
  6: { source: network(8, 16), destination: network(24, 16) },
};

/** Of TCP, UDP and SCTP alike. */
const DESTINATION_PORT: PayloadField = { base: NFT_PAYLOAD_TRANSPORT_HEADER, offset: 2, length: 2 };

export function address(family: Family, end: "source" | "destination"): readonly Attribute[] {
  return [payload(ADDRESSES[family][end])];
}

/** Both, as one key: they stand behind each other. */
export function addressPair(family: Family): readonly Attribute[] {
  const { source, destination } = ADDRESSES[family];
  return [payload({ ...source, length: source.length + destination.length })];
}

export function isOfFamily(family: Family): readonly Attribute[] {
  // NFPROTO_* of linux/netfilter.h are the AF_* of the same families.
  return [meta(NFT_META_NFPROTO), compare("==", Uint8Array.of(familyToAf(family)))];
}

/** Loads what a look-up of a chain is about into the registers, from the first on. */
export function lookupKey(key: LookupKey, { family, direction }: PolicyChain): readonly Attribute[] {
  const peer = ADDRESSES[family][direction === "ingress" ? "source" : "destination"];
  switch (key) {
    case "peer":
      return [payload(peer)];
    case "protocol . port":
      return port(0);
    case "peer . protocol . port":
      return [payload(peer), ...port(peer.length / 4)];
  }
}

function port(register: number): readonly Attribute[] {
  return [meta(NFT_META_L4PROTO, register), payload(DESTINATION_PORT, register + 1)];
}

function network(offset: number, length: number): PayloadField {
  return { base: NFT_PAYLOAD_NETWORK_HEADER, offset, length };
}
