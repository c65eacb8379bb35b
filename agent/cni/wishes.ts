import { type Family, familyOf, parseAddress } from "../net/address.ts";
import { parseInterfaceAddress } from "../net/cidr.ts";
import { macToBytes, parseMac } from "../net/mac.ts";
import { CNI_CODE, CniError } from "./cni-error.ts";
import { isObject, type JsonObject, type NetworkConfig } from "./network-config.ts";

/** What a runtime wants for one pod in particular. */
export interface Wishes {
  /** At most one of each family. */
  readonly addresses: ReadonlyMap<Family, string>;
  readonly mac: string | undefined;
}

/**
 * Reads the addresses and the MAC that a runtime asks for: capabilities `ips` and `mac`, else `args.cni`, else CNI_ARGS `IP=` and `MAC=`
 * (CONVENTIONS.md of containernetworking/cni). Throws CniError 7 with key and value for what is no address.
 */
export function parseWishes({ raw }: Pick<NetworkConfig, "raw">, cniArgs: string): Wishes {
  const runtimeConfig = objectAt(raw, "runtimeConfig");
  const conventional = objectAt(objectAt(raw, "args"), "cni");
  const pairs = parseCniArgs(cniArgs);
  const [ipsKey, ips] = firstGiven([
    ["runtimeConfig.ips", valueAt(runtimeConfig, "ips")],
    ["args.cni.ips", valueAt(conventional, "ips")],
    ["CNI_ARGS IP", pairs.get("IP")?.split(",")],
  ]);
  const [macKey, mac] = firstGiven([
    ["runtimeConfig.mac", valueAt(runtimeConfig, "mac")],
    ["args.cni.mac", valueAt(conventional, "mac")],
    ["CNI_ARGS MAC", pairs.get("MAC")],
  ]);
  return {
    addresses: readAddresses(ipsKey, ips ?? []),
    mac: mac === undefined ? undefined : readMac(macKey, mac),
  };
}

/** `K=V;K=V` in whatever order; what is no pair is passed over, as runtimes add keys of their own. */
export function parseCniArgs(args: string): ReadonlyMap<string, string> {
  const pairs = args.split(";").map((pair) => [pair, pair.indexOf("=")] as const);
  return new Map(
    pairs.flatMap(([pair, at]) => (at < 1 ? [] : [[pair.slice(0, at), pair.slice(at + 1)] as const])),
  );
}

function readAddresses(key: string, list: unknown): ReadonlyMap<Family, string> {
  if (!Array.isArray(list)) throw invalid(key, list, "it is no list");
  const addresses = new Map<Family, string>();
  for (const item of list as readonly unknown[]) {
    // With a prefix length in the capability, without one in the older forms.
    const address =
      typeof item === "string" ? (parseInterfaceAddress(item)?.address ?? parseAddress(item)) : undefined;
    if (address === undefined) throw invalid(key, item, "it is no address");
    if (addresses.has(familyOf(address)))
      throw invalid(key, list, `a pod has one IPv${familyOf(address)} address`);
    addresses.set(familyOf(address), address);
  }
  return addresses;
}

function readMac(key: string, value: unknown): string {
  const mac = typeof value === "string" ? parseMac(value) : undefined;
  const [first = 1] = mac === undefined ? [] : macToBytes(mac);
  if (mac === undefined || mac === "00:00:00:00:00:00" || (first & 1) === 1) {
    throw invalid(key, value, "it is no MAC address of one interface");
  }
  return mac;
}

/** Go decodes keys whatever their case, and runtimes written in Go rely on it. */
function valueAt(object: JsonObject | undefined, key: string): unknown {
  if (object === undefined) return undefined;
  return Object.entries(object).find(([candidate]) => candidate.toLowerCase() === key)?.[1] ?? undefined;
}

function objectAt(object: JsonObject | undefined, key: string): JsonObject | undefined {
  const value = object?.[key];
  return isObject(value) ? value : undefined;
}

function firstGiven(candidates: readonly (readonly [string, unknown])[]): readonly [string, unknown] {
  return candidates.find(([, value]) => value !== undefined && value !== "") ?? ["", undefined];
}

function invalid(key: string, value: unknown, cause: string): CniError {
  return new CniError(CNI_CODE.invalidConfig, `Cannot use ${key} ${JSON.stringify(value)}: ${cause}`);
}
