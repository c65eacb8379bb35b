import { type Family, familyOf } from "../../../net/address.ts";
import type { LabelSelector, ContainerPort, PodSelector, PortName } from "../model.ts";
import { type Span, spansHold } from "./address-spans.ts";
import { PROTOCOL_NUMBERS } from "./port-sets.ts";

/** Whose addresses a set has, as long as they match. */
export type Members =
  | { readonly kind: "pods"; readonly selector: PodSelector }
  | { readonly kind: "nodes"; readonly selector: LabelSelector };

/** A pod or node that matches. */
export interface Member {
  readonly addresses: readonly string[];
  readonly ports?: readonly ContainerPort[];
}

/** What members give to a set: their addresses, with ports where the set has ports. */
export interface Source {
  readonly members: Members;
  /** Such as `6 . 80`; undefined: the set is one of addresses. */
  readonly ports: readonly string[] | undefined;
  /** Looked up at each member. */
  readonly names: readonly PortName[];
  /** Only addresses of these count; undefined: all. */
  readonly within: readonly Span[] | undefined;
}

export function membersKey({ kind, selector }: Members): string {
  return kind === "pods" ? selector.key : `nodes where ${selector.text}`;
}

/** The same text means the same elements from the same members. */
export function sourceText({ members, ports, names, within }: Source): string {
  const ends = within?.map(({ first, last }) => `${first}-${last}`);
  return JSON.stringify([
    membersKey(members),
    ports,
    names.map(({ name, protocol }) => [name, protocol]),
    ends,
  ]);
}

/** Elements that one member gives. */
export function elementsOf(
  { ports, names, within }: Source,
  member: Member,
  family: Family,
): readonly string[] {
  const addresses = member.addresses.filter(
    (address) => familyOf(address) === family && (within === undefined || spansHold(within, address)),
  );
  if (ports === undefined) return addresses;
  const all = names.length === 0 ? ports : new Set([...ports, ...lookUpPorts(names, member.ports ?? [])]);
  return addresses.flatMap((address) => Array.from(all, (port) => `${address} . ${port}`));
}

function lookUpPorts(names: readonly PortName[], ports: readonly ContainerPort[]): readonly string[] {
  return resolveNames(names, ports).map(({ protocol, port }) => `${PROTOCOL_NUMBERS[protocol]} . ${port}`);
}

/** The ports that names stand for at one pod: the first of each name and protocol. */
export function resolveNames(
  names: readonly PortName[],
  ports: readonly ContainerPort[],
): readonly ContainerPort[] {
  return names.flatMap(({ name, protocol }) => {
    const named = ports.filter(
      (port) => port.name === name && (protocol === undefined || port.protocol === protocol),
    );
    return named.filter(
      (port, index) => named.findIndex((other) => other.protocol === port.protocol) === index,
    );
  });
}
