import { addressFromNumber, type Family, familyOf } from "../../net/address.ts";
import { addressBits, hostCidr } from "../../net/cidr.ts";
import { addressType, keywordOf } from "../nft/nft-family.ts";
import type { NftSet } from "../nft/nft-table.ts";
import { classOf, createClassChooser, formatClass } from "../../net/traffic/traffic-class.ts";
import type { OverlayNode } from "../peers/overlay-nodes.ts";
import { FAMILIES } from "../peers/peer-routes.ts";

export interface OverlayBindingsInput {
  /** The addresses that other nodes send to; empty while nobody has told them. */
  readonly ownAddresses: readonly string[];
  readonly nodes: readonly OverlayNode[];
}

export interface OverlayBindings {
  /** By outer source, the class that its packets carry until they come out of a VXLAN device. */
  readonly senders: readonly NftSet[];
  /** Who may send from where. */
  readonly sources: readonly OverlaySources[];
}

/** Inner sources of one length, by the class of the node that has them, and what of a rule finds them. */
export interface OverlaySources {
  readonly set: NftSet;
  readonly text: string;
}

/** What the sets hold for an outer address of a node. */
interface Sender {
  readonly address: string;
  readonly trafficClass: number;
  /** Of the map of senders. */
  readonly element: string;
  readonly sources: readonly { readonly shape: SourceShape; readonly text: string }[];
}

/**
 * Nodes are immutable, and thousands of them stay the same from one plan to the next: what is written for one
 * is kept, by the outer family.
 */
const known: Readonly<Record<Family, WeakMap<OverlayNode, readonly Sender[]>>> = {
  4: new WeakMap(),
  6: new WeakMap(),
};

/**
 * Writes what the sets hold for a node, and remembers it: what {@link planOverlayBindings} takes most time
 * for.
 */
export function writeOverlayElements(node: OverlayNode, ownAddresses: readonly string[]): readonly Sender[] {
  const { addresses } = node;
  const isSpoken = (family: Family): boolean =>
    ownAddresses.length === 0 || ownAddresses.some((own) => familyOf(own) === family);
  const isOf = (family: Family) => (address: string) => familyOf(address) === family;
  // As both ends choose it: see planPeer of peer-routes.ts.
  const outer = FAMILIES.find((family) => isSpoken(family) && addresses.some(isOf(family)));
  if (outer === undefined) return [];
  const before = known[outer].get(node);
  if (before !== undefined) return before;
  const written = addresses
    .filter(isOf(outer))
    .map((address) => writeSender(node, address, classOf(address)));
  known[outer].set(node, written);
  return written;
}

function writeSender({ addresses, cidrs }: OverlayNode, address: string, trafficClass: number): Sender {
  const name = formatClass(trafficClass);
  const sources = [...cidrs, ...addresses.map(hostCidr)].map(({ family, base, prefixLength }) => {
    return { shape: shapeOf({ family, length: prefixLength }), text: `${name} . ${base}` };
  });
  return { address, trafficClass, element: `${address} : ${name}`, sources };
}

/**
 * Hash sets of classes and leading bits: one look-up on each side of the VXLAN device, and a few elements for
 * each change, however many nodes there are. A set of intervals would take 20 ms for a change among 1,000 (it
 * is copied each time). A cluster has one length of PodCIDRs in each family, and one of addresses: what a
 * node itself sends may have its own address.
 */
export function planOverlayBindings({ ownAddresses, nodes }: OverlayBindingsInput): OverlayBindings {
  const choose = createClassChooser();
  const senders: Readonly<Record<Family, Set<string>>> = { 4: new Set(), 6: new Set() };
  const sources = new Map<SourceShape, Set<string>>();
  for (const node of nodes) {
    for (const written of writeOverlayElements(node, ownAddresses)) {
      const { address } = written;
      const chosen = choose(address);
      const sender = chosen === written.trafficClass ? written : writeSender(node, address, chosen);
      senders[familyOf(address)].add(sender.element);
      for (const { shape, text } of sender.sources) {
        const found = sources.get(shape);
        if (found === undefined) sources.set(shape, new Set([text]));
        else found.add(text);
      }
    }
  }
  return {
    senders: FAMILIES.map((family) => planSenders(family, [...senders[family]])),
    sources: [...sources]
      .toSorted(([a], [b]) => a.family - b.family || a.length - b.length)
      .map(([shape, texts]) => planSources(shape, [...texts])),
  };
}

/** Name of the map of senders with addresses of a family. */
export function sendersName(family: Family): string {
  return `overlay${family}`;
}

function planSenders(family: Family, elements: readonly string[]): NftSet {
  return {
    name: sendersName(family),
    type: addressType(family),
    values: "classid",
    isInterval: false,
    elements,
  };
}

/** PodCIDRs stand before addresses: nearly all packets are of pods. */
interface SourceShape {
  readonly family: Family;
  readonly length: number;
}

/** The same object for the same shape: a cluster has a handful. */
const shapes = new Map<string, SourceShape>();

function shapeOf(shape: SourceShape): SourceShape {
  const name = sourcesName(shape);
  const same = shapes.get(name) ?? shape;
  shapes.set(name, same);
  return same;
}

function sourcesName({ family, length }: SourceShape): string {
  return `inner${family}-${length}`;
}

function planSources(shape: SourceShape, elements: readonly string[]): OverlaySources {
  const { family, length } = shape;
  const source = `${keywordOf(family)} saddr`;
  const masked = length === addressBits(family) ? source : `(${source} & ${formatMask(shape)})`;
  const name = sourcesName(shape);
  return {
    set: {
      name,
      type: `classid . ${addressType(family)}`,
      values: undefined,
      isInterval: false,
      elements,
    },
    text: `meta priority . ${masked} @${name}`,
  };
}

function formatMask({ family, length }: SourceShape): string {
  const hostBits = BigInt(addressBits(family) - length);
  return addressFromNumber(family, ((1n << BigInt(length)) - 1n) << hostBits);
}
