import { isObject, type JsonObject } from "../../lib/json.ts";
import { isSameList } from "../../lib/same-list.ts";
import { isDnsSubdomain } from "../../net/dns-name.ts";
import type { Projection } from "../reflector/kind.ts";
import { checkAddresses, checkPodCIDRs } from "./node-fields.ts";
import { showValue } from "../../text/show-value.ts";
import type { ClusterNode } from "./node-view.ts";
import { isSameKey, KEY_ANNOTATION, parseKey } from "../keys/published-key.ts";

/**
 * Addresses of other types are of no use here: names need DNS, external ones may not reach the node from
 * inside.
 */
const INTERNAL_IP = "InternalIP";

/**
 * Projects a Node object (Kubernetes API, core/v1) to what routes need. Never throws: anything that a broken
 * server or a hand-made object may hold is answered as malformed, with every fault named by key and value.
 * `ownName`: the node of which the UID is kept.
 */
export function projectNode(raw: unknown, ownName: string): Projection<ClusterNode> {
  const metadata = isObject(raw) ? raw["metadata"] : undefined;
  if (!isObject(raw) || !isObject(metadata))
    return { kind: "malformed", reason: `${showValue(raw)} is not a Node object` };
  const { name, uid, creationTimestamp, annotations } = metadata;
  if (!isDnsSubdomain(name)) {
    const reason = `metadata.name ${showValue(name)} is not a node name`;
    return { kind: "malformed", reason };
  }
  const faults: string[] = [];
  if (typeof uid !== "string" || uid === "") faults.push(`metadata.uid ${showValue(uid)} is not a string`);
  const createdMs = typeof creationTimestamp === "string" ? Date.parse(creationTimestamp) : Number.NaN;
  if (Number.isNaN(createdMs))
    faults.push(`metadata.creationTimestamp ${showValue(creationTimestamp)} is not a time`);
  const podCIDRs = checkPodCIDRs("spec.podCIDRs", member(raw, "spec", "podCIDRs", faults));
  const addresses = internalAddresses(member(raw, "status", "addresses", faults), faults);
  faults.push(...podCIDRs.faults);
  if (faults.length > 0 || typeof uid !== "string") return { kind: "malformed", reason: faults.join("; ") };
  const wireguard = parseKey(isObject(annotations) ? annotations[KEY_ANNOTATION] : undefined);
  const { values } = podCIDRs;
  if (name === ownName) {
    const own = { name, uid, createdMs, addresses, podCIDRs: values };
    return { kind: "usable", object: wireguard === undefined ? own : { ...own, wireguard } };
  }
  // Not spread: a field that is added to an object lies in an array of its own, with room for more.
  const object =
    wireguard === undefined
      ? { name, createdMs, addresses, podCIDRs: values }
      : { name, createdMs, addresses, podCIDRs: values, wireguard };
  return { kind: "usable", object };
}

/** Whether two projections of one name differ in nothing that the agent uses. */
export function isSameNode(a: ClusterNode, b: ClusterNode): boolean {
  return (
    a.uid === b.uid &&
    a.createdMs === b.createdMs &&
    isSameList(a.addresses, b.addresses) &&
    isSameList(a.podCIDRs, b.podCIDRs) &&
    isSameKey(a.wireguard, b.wireguard)
  );
}

function internalAddresses(list: unknown, faults: string[]): readonly string[] {
  if (!Array.isArray(list)) {
    if (list !== undefined && list !== null) faults.push(`status.addresses ${showValue(list)} is not a list`);
    return [];
  }
  const internal = list.filter((entry: unknown) => isObject(entry) && entry["type"] === INTERNAL_IP);
  const { values, faults: wrong } = checkAddresses(
    INTERNAL_IP,
    internal.map((entry: JsonObject) => entry["address"]),
  );
  faults.push(...wrong.map((fault) => `status.addresses: ${fault}`));
  return values;
}

/** `raw[outer][inner]`; an outer value that is neither missing nor an object is a fault. */
function member(raw: JsonObject, outer: string, inner: string, faults: string[]): unknown {
  const value = raw[outer];
  if (isObject(value)) return value[inner];
  if (value !== undefined && value !== null) faults.push(`${outer} ${showValue(value)} is not an object`);
  return undefined;
}
