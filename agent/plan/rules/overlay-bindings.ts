import { addressFromNumber, type Family, familyOf } from "../../net/address.ts";
import { addressBits, hostCidr } from "../../net/cidr.ts";
import { addressType, keywordOf } from "../nft/nft-family.ts";
import type { NftSet } from "../nft/nft-table.ts";
import { createClassChooser, formatClass } from "../../net/traffic/traffic-class.ts";
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

/** Writes what the sets hold for thousands of nodes, one at a time. */
export interface OverlayBinder {
  add(node: OverlayNode): void;
  bindings(): OverlayBindings;
}

/**
 * Hash sets of classes and leading bits: one look-up on each side of the VXLAN device, and a few elements for
 * each change, however many nodes there are. A set of intervals would take 20 ms for a change among 1,000 (it
 * is copied each time). A cluster has one length of PodCIDRs in each family, and one of addresses: what a
 * node itself sends may have its own address.
 */
export function createOverlayBinder(ownAddresses: readonly string[]): OverlayBinder {
  const choose = createClassChooser();
  const senders: Readonly<Record<Family, Set<string>>> = { 4: new Set(), 6: new Set() };
  const sources = new Map<number, { readonly shape: SourceShape; readonly texts: Set<string> }>();
  const textsOf = (shape: SourceShape): Set<string> => {
    const number = shape.family * 256 + shape.length;
    const found = sources.get(number) ?? { shape, texts: new Set() };
    sources.set(number, found);
    return found.texts;
  };
  return {
    // Joined, as all texts of which thousands are kept: see macFromBytes.
    add({ addresses, cidrs }) {
      const outer = outerFamily(addresses, ownAddresses);
      for (const address of addresses) {
        const family = familyOf(address);
        if (family !== outer) continue;
        const name = formatClass(choose(address));
        senders[family].add([address, name].join(" : "));
        for (const cidr of [...cidrs, ...addresses.map(hostCidr)])
          textsOf({ family: cidr.family, length: cidr.prefixLength }).add([name, cidr.base].join(" . "));
      }
    },
    bindings: () => ({
      senders: FAMILIES.map((family) => planSenders(family, [...senders[family]])),
      sources: [...sources.values()]
        .toSorted((a, b) => a.shape.family - b.shape.family || a.shape.length - b.shape.length)
        .map(({ shape, texts }) => planSources(shape, [...texts])),
    }),
  };
}

/** As both ends choose it: see planPeer of peer-routes.ts. Undefined: they share none. */
function outerFamily(addresses: readonly string[], ownAddresses: readonly string[]): Family | undefined {
  const isSpoken = (family: Family): boolean =>
    ownAddresses.length === 0 || ownAddresses.some((own) => familyOf(own) === family);
  return FAMILIES.find(
    (family) => isSpoken(family) && addresses.some((address) => familyOf(address) === family),
  );
}

export function planOverlayBindings({ ownAddresses, nodes }: OverlayBindingsInput): OverlayBindings {
  const binder = createOverlayBinder(ownAddresses);
  for (const node of nodes) binder.add(node);
  return binder.bindings();
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
