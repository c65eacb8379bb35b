import { parseUnmappedAddress } from "../../net/address.ts";
import {
  clashes,
  describeHostPort,
  type HostPort,
  isAnyAddress,
  PROTOCOLS,
} from "../../plan/pods/host-ports.ts";
import { MAX_HOST_PORTS } from "../../plan/pods/pod-settings.ts";
import { CNI_CODE, CniError, invalidValue } from "../cni-error.ts";
import { valueAt } from "./json-keys.ts";
import { isObject } from "../../lib/json.ts";

/**
 * A port of it maps nothing: Linux forwards nothing that is sent there, and a program of the node may listen
 * on it.
 */
const IPV6_LOOPBACK = "::1";

const KEY = "runtimeConfig.portMappings";

/**
 * Capability `portMappings`: a list of `{hostPort, containerPort, protocol, hostIP}`. Entries that say the
 * same are one; entries without a host port map nothing, and runtimes differ in whether they pass them on. A
 * port of one address may stand beside the same port of all: the kernel looks for the address first. Throws
 * CniError 7 with key and value.
 */
export function parsePortMappings(list: unknown): readonly HostPort[] {
  if (list === undefined) return [];
  if (!Array.isArray(list)) throw invalidValue(KEY, list, "it is not a list");
  const groups = new Map<string, readonly HostPort[]>();
  for (const [index, entry] of (list as readonly unknown[]).entries()) {
    const parsed = parseEntry(`${KEY}[${index}]`, entry);
    if (parsed === undefined) continue;
    const key = keyOf(parsed);
    const group = groups.get(key) ?? [];
    const others = group.filter((candidate) => clashes(candidate, parsed));
    const clash = others.find(({ containerPort }) => containerPort !== parsed.containerPort);
    if (clash !== undefined)
      throw invalidValue(`${KEY}[${index}]`, entry, `${describeHostPort(clash)} is listed twice`);
    // Of "all addresses" and "all addresses of one family" the wider one says it all.
    if (others.some(({ hostIp }) => hostIp === undefined || hostIp === parsed.hostIp)) continue;
    groups.set(key, [...group.filter((candidate) => !others.includes(candidate)), parsed]);
  }
  const hostPorts = [...groups.values()].flat();
  if (hostPorts.length > MAX_HOST_PORTS) {
    const cause = `at most ${MAX_HOST_PORTS} fit in the alternative names of a pod's link`;
    throw new CniError(
      CNI_CODE.invalidConfig,
      `Cannot use ${hostPorts.length} host ports of ${KEY}: ${cause}`,
    );
  }
  return hostPorts;
}

/**
 * Those of one key alone can clash, and there are two of them at most, however many ports the user has
 * written who created the pod.
 */
function keyOf({ protocol, hostPort, hostIp }: HostPort): string {
  return `${protocol} ${hostPort} ${isAnyAddress(hostIp) ? "*" : hostIp}`;
}

function parseEntry(key: string, entry: unknown): HostPort | undefined {
  if (!isObject(entry)) throw invalidValue(key, entry, "it is not an object");
  const hostPort = valueAt(entry, "hostPort") ?? 0;
  if (hostPort === 0) return undefined;
  const protocol = valueAt(entry, "protocol") ?? "tcp";
  const known = PROTOCOLS.find((name) => typeof protocol === "string" && name === protocol.toLowerCase());
  if (known === undefined)
    throw invalidValue(`${key}.protocol`, protocol, `supported values are ${PROTOCOLS.join(", ")}`);
  const parsed: HostPort = {
    protocol: known,
    hostPort: parsePort(`${key}.hostPort`, hostPort),
    containerPort: parsePort(`${key}.containerPort`, valueAt(entry, "containerPort")),
    hostIp: parseHostIp(`${key}.hostIP`, valueAt(entry, "hostIP") ?? ""),
  };
  return parsed.hostIp === IPV6_LOOPBACK ? undefined : parsed;
}

function parsePort(key: string, value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 65_535) return value;
  throw invalidValue(key, value, "a port is a number from 1 to 65535");
}

function parseHostIp(key: string, value: unknown): string | undefined {
  if (value === "") return undefined;
  const address = typeof value === "string" ? parseUnmappedAddress(value) : undefined;
  if (address === undefined) throw invalidValue(key, value, "it is not an address");
  return address;
}
