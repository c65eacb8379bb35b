import { parseInterfaceAddress } from "../../net/cidr.ts";
import { invalidValue } from "../cni-error.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { NetworkConfig } from "../request/network-config.ts";

/**
 * The result of the plugins before us in the chain, in the version of the configuration; undefined for the
 * first plugin.
 */
export function prevResultOf({ raw }: Pick<NetworkConfig, "raw">): JsonObject | undefined {
  const value = raw["prevResult"];
  if (value === undefined || value === null) return undefined;
  if (isObject(value)) return value;
  throw invalidValue("prevResult", value, "it is not an object");
}

/** What CHECK has to find of one interface, according to the final result of the ADD. */
export interface ExpectedInterface {
  readonly addresses: readonly string[];
  readonly mac: string | undefined;
  /** Only in results of 1.1.0. */
  readonly mtu: number | undefined;
}

/**
 * The addresses and MAC that a result has for one interface of a pod (0.3.0 on: `ips[].interface` is an index
 * of `interfaces`; the host's have no `sandbox`). Undefined when the result does not have the interface.
 */
export function expectedInterface(result: JsonObject, ifname: string): ExpectedInterface | undefined {
  const interfaces = listAt(result, "interfaces");
  const index = interfaces.findIndex(
    ({ name, sandbox }) => name === ifname && typeof sandbox === "string" && sandbox !== "",
  );
  const found = interfaces[index];
  if (found === undefined) return undefined;
  const addresses = listAt(result, "ips")
    .filter((ip) => ip["interface"] === index)
    .flatMap(({ address }) =>
      typeof address === "string" ? [parseInterfaceAddress(address)?.address ?? address] : [],
    );
  const { mac, mtu } = found;
  return {
    addresses,
    mac: typeof mac === "string" ? mac.toLowerCase() : undefined,
    mtu: typeof mtu === "number" && mtu > 0 ? mtu : undefined,
  };
}

/** A list of objects in a result; anything else in its place is as good as nothing. */
export function listAt(result: JsonObject, key: string): readonly JsonObject[] {
  const value = result[key];
  return Array.isArray(value) ? value.filter(isObject) : [];
}
