import { addressToNumber, type Family, familyOf } from "../../net/address.ts";
import { addressBits, type Cidr } from "../../net/cidr.ts";
import { addressType, keywordOf } from "../nft/nft-family.ts";
import type { OverlayNode } from "../peers/overlay-nodes.ts";
import { FAMILIES } from "../peers/peer-routes.ts";
import type { NftSet } from "../nft/nft-table.ts";

export interface OverlayBindingsInput {
  /** The addresses that other nodes send to; empty while nobody has told them. */
  readonly ownAddresses: readonly string[];
  readonly nodes: readonly OverlayNode[];
}

/**
 * Offsets in bits from the UDP header: it has 8 bytes, as has VXLAN's; the inner Ethernet header has 14 (RFC
 * 7348 section 5).
 */
const INNER_ETHERTYPE = "@th,224,16";
const INNER_SOURCE: Readonly<Record<Family, number>> = { 4: 336, 6: 304 };
const ETHERTYPE: Readonly<Record<Family, string>> = { 4: "0x0800", 6: "0x86dd" };

/** Inner sources of one length, by the nodes that have them, and what of a rule finds them. */
export interface OverlayBinding {
  readonly set: NftSet;
  readonly text: string;
}

/** What one of the sets holds for a node. */
interface BindingElement {
  readonly shape: BindingShape;
  readonly text: string;
}

/**
 * Nodes are immutable, and thousands of them stay the same from one plan to the next: what is written for one
 * is kept, by the outer family.
 */
const known: Readonly<Record<Family, WeakMap<OverlayNode, readonly BindingElement[]>>> = {
  4: new WeakMap(),
  6: new WeakMap(),
};

/**
 * Writes what the sets hold for a node, and remembers it: what {@link planOverlayBindings} takes most time
 * for.
 */
export function writeOverlayElements(
  node: OverlayNode,
  ownAddresses: readonly string[],
): readonly BindingElement[] {
  const { addresses, cidrs } = node;
  const isSpoken = (family: Family): boolean =>
    ownAddresses.length === 0 || ownAddresses.some((own) => familyOf(own) === family);
  const isOf = (family: Family) => (address: string) => familyOf(address) === family;
  // As both ends choose it: see planPeer of peer-routes.ts.
  const outer = FAMILIES.find((family) => isSpoken(family) && addresses.some(isOf(family)));
  if (outer === undefined) return [];
  const before = known[outer].get(node);
  if (before !== undefined) return before;
  const written = [...cidrs, ...addresses.map(hostPrefix)].flatMap(({ family, base, prefixLength }) => {
    const shape = shapeOf({ outer, inner: family, length: prefixLength });
    const source = hex(addressToNumber(base), addressBits(family));
    return addresses.filter(isOf(outer)).map((address) => ({ shape, text: `${address} . ${source}` }));
  });
  known[outer].set(node, written);
  return written;
}

/**
 * Hash sets of whole addresses and leading bits: one look-up, and one element for each change, however many
 * nodes there are. A set of intervals would take 20 ms for a change among 1,000 (it is copied each time). A
 * cluster has one length of PodCIDRs in each family, and one of addresses: what a node itself sends may have
 * its own address.
 */
export function planOverlayBindings({
  ownAddresses,
  nodes,
}: OverlayBindingsInput): readonly OverlayBinding[] {
  const elements = new Map<BindingShape, Set<string>>();
  for (const node of nodes) {
    for (const { shape, text } of writeOverlayElements(node, ownAddresses)) {
      const found = elements.get(shape);
      if (found === undefined) elements.set(shape, new Set([text]));
      else found.add(text);
    }
  }
  return [...elements]
    .toSorted(([a], [b]) => compareShapes(a, b))
    .map(([shape, texts]) => planBinding(shape, [...texts]));
}

interface BindingShape {
  readonly outer: Family;
  readonly inner: Family;
  readonly length: number;
}

/** The same object for the same shape: a cluster has a handful. */
const shapes = new Map<string, BindingShape>();

function shapeOf(shape: BindingShape): BindingShape {
  const name = bindingName(shape);
  const same = shapes.get(name) ?? shape;
  shapes.set(name, same);
  return same;
}

function bindingName({ outer, inner, length }: BindingShape): string {
  return `overlay${outer}-${inner}-${length}`;
}

/** PodCIDRs stand before addresses: nearly all packets are of pods. */
function compareShapes(a: BindingShape, b: BindingShape): number {
  return a.outer - b.outer || a.inner - b.inner || a.length - b.length;
}

function planBinding(shape: BindingShape, elements: readonly string[]): OverlayBinding {
  const { outer, inner, length } = shape;
  const source = `${keywordOf(outer)} saddr`;
  const bits = addressBits(inner);
  const innerSource = `@th,${INNER_SOURCE[inner]},${bits}`;
  const masked = length === bits ? innerSource : `(${innerSource} & ${formatMask(length, bits)})`;
  const name = bindingName(shape);
  return {
    set: {
      name,
      type: `${addressType(outer)} . integer`,
      typeof: `${source} . ${innerSource}`,
      values: undefined,
      isInterval: false,
      elements,
    },
    text: `${INNER_ETHERTYPE} ${ETHERTYPE[inner]} ${source} . ${masked} @${name}`,
  };
}

function formatMask(length: number, bits: number): string {
  const hostBits = BigInt(bits - length);
  return hex(((1n << BigInt(length)) - 1n) << hostBits, bits);
}

/** All digits, as integers are read from the kernel. */
function hex(value: bigint, bits: number): string {
  return `0x${value.toString(16).padStart(bits / 4, "0")}`;
}

function hostPrefix(address: string): Cidr {
  const family = familyOf(address);
  return { family, base: address, prefixLength: addressBits(family) };
}
