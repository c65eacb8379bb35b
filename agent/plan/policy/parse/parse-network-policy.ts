import { DIRECTIONS, type Direction, type Fault, type Peer, type Policy, type Rule } from "../model.ts";
import { EVERYTHING, podSelectorOf } from "../selectors.ts";
import {
  type Field,
  isAbsent,
  memberOf,
  readEach,
  readList,
  readObject,
  readWord,
  refuse,
} from "./fields.ts";
import { readCidr } from "./parse-cidr.ts";
import { parsePorts } from "./parse-ports.ts";
import { parseSelector } from "./parse-selector.ts";

const SPEC = ["podSelector", "policyTypes", "ingress", "egress"] as const;
const TYPE_NAMES = ["Ingress", "Egress"] as const;
const TYPES = { Ingress: "ingress", Egress: "egress" } as const;

/**
 * Reads a NetworkPolicy (networking.k8s.io/v1) with the defaults of the API. What cannot be read allows
 * nothing, and is named: a port, a peer, a rule. Where nobody can tell which pods or directions are meant,
 * all pods of the namespace, or both directions, are isolated.
 */
export function parseNetworkPolicy(raw: unknown, namespace: string, name: string): Policy {
  const faults: Fault[] = [];
  const spec = memberOf({ path: "", value: raw, faults }, "spec");
  const members = readObject(spec, SPEC);
  const selector = memberOf(spec, "podSelector");
  const pods = isAbsent(selector) ? EVERYTHING : parseSelector(selector);
  const types = members === undefined ? undefined : parseTypes(members);
  const rulesOf = (direction: Direction): readonly Rule[] | undefined => {
    if (members === undefined || types === undefined) return [];
    return types.has(direction) ? parseRules(members[direction], direction, namespace) : undefined;
  };
  return {
    kind: "NetworkPolicy",
    tier: "NetworkPolicy",
    priority: 0,
    namespace,
    name,
    subject: podSelectorOf(namespace, pods ?? EVERYTHING),
    rules: { ingress: rulesOf("ingress"), egress: rulesOf("egress") },
    faults,
  };
}

/** Undefined: what it says cannot be read. */
function parseTypes(
  members: Readonly<Record<(typeof SPEC)[number], Field>>,
): ReadonlySet<Direction> | undefined {
  const list = readList(members.policyTypes);
  if (list === undefined) return undefined;
  if (list.length === 0) {
    const { value } = members.egress;
    const hasEgress = !isAbsent(members.egress) && !(Array.isArray(value) && value.length === 0);
    return new Set(hasEgress ? DIRECTIONS : ["ingress"]);
  }
  const types = list.map((field) => readWord(field, TYPE_NAMES));
  const known = types.filter((type) => type !== undefined);
  return known.length < types.length ? undefined : new Set(known.map((type) => TYPES[type]));
}

function parseRules(list: Field, direction: Direction, namespace: string): readonly Rule[] {
  const rules = readList(list) ?? [];
  return rules.flatMap((rule, index) => parseRule(rule, { number: index + 1, direction, namespace }) ?? []);
}

interface RulePlace {
  readonly number: number;
  readonly direction: Direction;
  readonly namespace: string;
}

function parseRule(field: Field, { number, direction, namespace }: RulePlace): Rule | undefined {
  const end = direction === "ingress" ? "from" : "to";
  const members = readObject(field, [end, "ports"]);
  if (members === undefined) return undefined;
  const peers = readList(members[end]);
  const ports = readList(members.ports);
  if (peers === undefined || ports === undefined) return undefined;
  return {
    number,
    name: undefined,
    action: "Accept",
    peers: peers.length === 0 ? undefined : readEach(peers, (peer) => parsePeer(peer, namespace)),
    ports: ports.length === 0 ? undefined : parsePorts(ports),
  };
}

function parsePeer(field: Field, namespace: string): Peer | undefined {
  const members = readObject(field, ["podSelector", "namespaceSelector", "ipBlock"]);
  if (members === undefined) return undefined;
  const { podSelector, namespaceSelector, ipBlock } = members;
  if (!isAbsent(ipBlock)) {
    const isAlone = isAbsent(podSelector) && isAbsent(namespaceSelector);
    return isAlone ? parseBlock(ipBlock) : refuse(field, "has an ipBlock beside selectors");
  }
  if (isAbsent(podSelector) && isAbsent(namespaceSelector))
    return refuse(field, "names no peer that is known");
  const pods = isAbsent(podSelector) ? EVERYTHING : parseSelector(podSelector);
  const namespaces = isAbsent(namespaceSelector) ? namespace : parseSelector(namespaceSelector);
  if (pods === undefined || namespaces === undefined) return undefined;
  return { kind: "pods", selector: podSelectorOf(namespaces, pods) };
}

function parseBlock(field: Field): Peer | undefined {
  const members = readObject(field, ["cidr", "except"]);
  if (members === undefined) return undefined;
  const cidr = readCidr(members.cidr);
  const except = readList(members.except)?.map(readCidr);
  if (cidr === undefined || except === undefined) return undefined;
  const known = except.filter((hole) => hole !== undefined);
  // A block that keeps what should be excepted allows too much.
  return known.length < except.length ? undefined : { kind: "networks", networks: [{ cidr, except: known }] };
}
