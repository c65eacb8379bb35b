import type { Direction, Fault, Peer, PodSelector, Policy, Rule, Tier } from "../model.ts";
import { ALL_PODS, EVERYTHING, podSelectorOf } from "../selectors.ts";
import {
  type Field,
  isAbsent,
  memberOf,
  readEach,
  readList,
  readNumber,
  readObject,
  readText,
  readWord,
  refuse,
} from "./fields.ts";
import { readCidr } from "./parse-cidr.ts";
import { parseProtocols } from "./parse-protocols.ts";
import { parseSelector } from "./parse-selector.ts";

const SPEC = ["tier", "priority", "subject", "ingress", "egress"] as const;
const TIERS = ["Admin", "Baseline"] as const satisfies readonly Tier[];
const ACTIONS = ["Accept", "Deny", "Pass"] as const;
const MAX_PRIORITY = 1000;

/**
 * Reads a ClusterNetworkPolicy (policy.networking.k8s.io/v1beta1, whose schema is that of v1alpha2). It fails
 * closed as the API tells: a rule that cannot be read matches nothing if it would accept, and denies
 * everything of its direction otherwise. Where what goes wrong is the policy's own, such as its priority,
 * that holds for each of its rules; without a subject that can be read it is about all pods.
 */
export function parseClusterPolicy(raw: unknown, name: string): Policy {
  const faults: Fault[] = [];
  const spec = memberOf({ path: "", value: raw, faults }, "spec");
  const members = readObject(spec, SPEC);
  const tier = readWord(memberOf(spec, "tier"), TIERS);
  const priority = readNumber(memberOf(spec, "priority"), 0, MAX_PRIORITY);
  const subject = parseSubject(memberOf(spec, "subject"));
  const isReadable = [members, tier, priority, subject].every((part) => part !== undefined);
  const rulesOf = (direction: Direction): readonly Rule[] | undefined => {
    const rules = parseRules(memberOf(spec, direction), direction);
    return isReadable ? rules : rules?.flatMap((rule) => failClosed(rule) ?? []);
  };
  return {
    kind: "ClusterNetworkPolicy",
    tier: tier ?? "Admin",
    priority: priority ?? 0,
    namespace: undefined,
    name,
    subject: subject ?? ALL_PODS,
    rules: { ingress: rulesOf("ingress"), egress: rulesOf("egress") },
    faults,
  };
}

/** What stands in the place of a rule that cannot be read. */
function failClosed({ number, name, action }: Pick<Rule, "number" | "name" | "action">): Rule | undefined {
  if (action === "Accept") return undefined;
  return { number, name, action: "Deny", peers: undefined, ports: undefined };
}

function parseSubject(field: Field): PodSelector | undefined {
  const key = readOnlyKey(field, ["namespaces", "pods"]);
  if (key === undefined) return undefined;
  return key === "pods" ? parsePods(memberOf(field, key)) : parseNamespaces(memberOf(field, key));
}

/** Undefined: none, and nothing of the direction is said. */
function parseRules(list: Field, direction: Direction): readonly Rule[] | undefined {
  if (isAbsent(list)) return undefined;
  const rules = readList(list);
  if (rules === undefined)
    return [failClosed({ number: 0, name: undefined, action: "Deny" })].flatMap((rule) => rule ?? []);
  return rules.flatMap((rule, index) => parseRule(rule, index + 1, direction) ?? []);
}

function parseRule(field: Field, number: number, direction: Direction): Rule | undefined {
  const end = direction === "ingress" ? "from" : "to";
  const before = field.faults.length;
  const members = readObject(field, ["name", "action", end, "protocols"]);
  const named = memberOf(field, "name");
  const name = isAbsent(named) ? undefined : readText(named);
  // An action that nobody knows may forbid something.
  const action = readWord(memberOf(field, "action"), ACTIONS) ?? "Deny";
  if (members === undefined) return failClosed({ number, name, action });
  const list = readList(members[end]) ?? [];
  if (list.length === 0) refuse(members[end], "is empty, but a rule has peers");
  const peers = readEach(list, (peer) => parsePeer(peer, direction));
  const ports = parseProtocols(members.protocols);
  const hasNames = ports !== undefined && ports.names.length > 0;
  if (hasNames && peers.some(({ kind }) => kind !== "pods"))
    refuse(members.protocols, "names ports, which networks and nodes have not");
  if (field.faults.length > before) return failClosed({ number, name, action });
  return { number, name, action, peers, ports };
}

function parsePeer(field: Field, direction: Direction): Peer | undefined {
  const key = readOnlyKey(
    field,
    direction === "ingress"
      ? (["namespaces", "pods"] as const)
      : (["namespaces", "pods", "networks", "nodes"] as const),
  );
  if (key === undefined) return undefined;
  const value = memberOf(field, key);
  if (key === "networks") return parseNetworks(value);
  if (key === "nodes") {
    const selector = parseSelector(value);
    return selector && { kind: "nodes", selector };
  }
  const selector = key === "pods" ? parsePods(value) : parseNamespaces(value);
  return selector && { kind: "pods", selector };
}

/** Exactly one of these fields must be set; another one is of a newer API, and so it may be when none is. */
function readOnlyKey<Key extends string>(field: Field, keys: readonly Key[]): Key | undefined {
  const members = readObject(field, keys);
  if (members === undefined) return undefined;
  const [key, ...others] = keys.filter((candidate) => !isAbsent(members[candidate]));
  if (key === undefined || others.length > 0)
    return refuse(field, `has not exactly one of ${keys.join(", ")}`);
  return key;
}

function parseNamespaces(field: Field): PodSelector | undefined {
  const namespaces = parseSelector(field);
  return namespaces && podSelectorOf(namespaces, EVERYTHING);
}

function parsePods(field: Field): PodSelector | undefined {
  const members = readObject(field, ["namespaceSelector", "podSelector"]);
  if (members === undefined) return undefined;
  const namespaces = isAbsent(members.namespaceSelector)
    ? EVERYTHING
    : parseSelector(members.namespaceSelector);
  const pods = parseSelector(members.podSelector);
  return namespaces && pods && podSelectorOf(namespaces, pods);
}

function parseNetworks(field: Field): Peer | undefined {
  const networks = readEach(readList(field) ?? [], readCidr).map((cidr) => ({ cidr, except: [] }));
  return { kind: "networks", networks };
}
