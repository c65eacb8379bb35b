import { type Family, familyOf, parseAddress } from "../../net/address.ts";
import { parseInterfaceAddress } from "../../net/cidr.ts";
import { macToBytes, parseMac } from "../../net/mac.ts";
import { podIdentity, type PodIdentity } from "../../plan/pods/names/pod-identity.ts";
import type { PodSettings } from "../../plan/pods/pod-settings.ts";
import { parseBandwidth } from "./bandwidth.ts";
import { invalidValue } from "../cni-error.ts";
import { objectAt, valueAt } from "./json-keys.ts";
import { isObject } from "../../lib/json.ts";
import type { NetworkConfig } from "./network-config.ts";
import { parsePortMappings } from "./port-mappings.ts";

/** What a runtime wants for one pod in particular. */
export interface RuntimeConfig {
  readonly pod?: PodIdentity | undefined;
  readonly settings: PodSettings;
  /** At most one of each family. */
  readonly addresses: ReadonlyMap<Family, string>;
  readonly mac: string | undefined;
  /** Whether the interface has the pod's default route; undefined: unless there is one. */
  readonly defaultRoute?: boolean | undefined;
}

/** Capability by which containerd and CRI-O pass the annotations of a pod. */
const ANNOTATIONS_KEY = "io.kubernetes.cri.pod-annotations";

/**
 * Reads what a runtime asks for (CONVENTIONS.md of containernetworking/cni): addresses and MAC from the
 * capabilities `ips` and `mac`, else from `args.cni`, else from CNI_ARGS `IP=` and `MAC=`; the capabilities
 * `portMappings` and `bandwidth`; and our own key `defaultRoute`. Throws CniError 7 with key and value.
 */
export function parseRuntimeConfig({ raw }: Pick<NetworkConfig, "raw">, cniArgs: string): RuntimeConfig {
  const runtimeConfig = objectAt(raw, "runtimeConfig");
  const conventional = objectAt(objectAt(raw, "args"), "cni");
  const pairs = parseCniArgs(cniArgs);
  const [ipsKey, ips] = firstGiven([
    ["runtimeConfig.ips", valueAt(runtimeConfig, "ips")],
    ["args.cni.ips", valueAt(conventional, "ips")],
    ["CNI_ARGS IP", (pairs.get("IP") || undefined)?.split(",")],
  ]);
  const [macKey, mac] = firstGiven([
    ["runtimeConfig.mac", valueAt(runtimeConfig, "mac")],
    ["args.cni.mac", valueAt(conventional, "mac")],
    ["CNI_ARGS MAC", pairs.get("MAC")],
  ]);
  return {
    pod: podIdentityOf(pairs),
    addresses: readAddresses(ipsKey, ips ?? []),
    mac: mac === undefined ? undefined : readMac(macKey, mac),
    defaultRoute: readDefaultRoute(raw["defaultRoute"]),
    settings: {
      hostPorts: parsePortMappings(valueAt(runtimeConfig, "portMappings")),
      bandwidth: parseBandwidth(valueAt(runtimeConfig, "bandwidth")),
      anySource: wantsAnySource(valueAt(runtimeConfig, ANNOTATIONS_KEY)),
    },
  };
}

/** Annotation of a pod that is to send from any address. */
export const ANY_SOURCE_ANNOTATION = "causeway.io/allow-source-spoofing";

/** Whoever may create the pod wrote it: anything but "true" is ignored, and no error. */
function wantsAnySource(annotations: unknown): boolean {
  return isObject(annotations) && annotations[ANY_SOURCE_ANNOTATION] === "true";
}

/** `K=V;K=V` in whatever order; what is no pair is passed over, as runtimes add keys of their own. */
export function parseCniArgs(args: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const pair of args.split(";")) {
    const at = pair.indexOf("=");
    if (at > 0) pairs.set(pair.slice(0, at), pair.slice(at + 1));
  }
  return pairs;
}

/**
 * The pod of CNI_ARGS as Kubernetes runtimes pass it (containerd, CRI-O, dockershim): `K8S_POD_NAMESPACE`,
 * `K8S_POD_NAME`, `K8S_POD_UID`.
 */
function podIdentityOf(cniArgs: ReadonlyMap<string, string>): PodIdentity | undefined {
  return podIdentity({
    namespace: cniArgs.get("K8S_POD_NAMESPACE"),
    name: cniArgs.get("K8S_POD_NAME"),
    uid: cniArgs.get("K8S_POD_UID"),
  });
}

/** `namespace/name` of CNI_ARGS for the log, unchecked, as Kubernetes runtimes give it, in whatever order. */
export function podNameOf(cniArgs: ReadonlyMap<string, string>): string | undefined {
  const name = cniArgs.get("K8S_POD_NAME");
  return name === undefined ? undefined : `${cniArgs.get("K8S_POD_NAMESPACE") ?? ""}/${name}`;
}

function readAddresses(key: string, list: unknown): ReadonlyMap<Family, string> {
  if (!Array.isArray(list)) throw invalidValue(key, list, "it is not a list");
  const addresses = new Map<Family, string>();
  for (const item of list as readonly unknown[]) {
    // With a prefix length in the capability, without one in the older forms.
    const address =
      typeof item === "string" ? (parseInterfaceAddress(item)?.address ?? parseAddress(item)) : undefined;
    if (address === undefined) throw invalidValue(key, item, "it is not an IP address");
    if (addresses.has(familyOf(address)))
      throw invalidValue(key, list, `a pod has one IPv${familyOf(address)} address`);
    addresses.set(familyOf(address), address);
  }
  return addresses;
}

function readMac(key: string, value: unknown): string {
  const mac = typeof value === "string" ? parseMac(value) : undefined;
  const [first = 1] = mac === undefined ? [] : macToBytes(mac);
  if (mac === undefined || mac === "00:00:00:00:00:00" || (first & 1) === 1) {
    throw invalidValue(key, value, "it is not a unicast MAC address");
  }
  return mac;
}

function readDefaultRoute(value: unknown): boolean | undefined {
  if (value === undefined || typeof value === "boolean") return value;
  throw invalidValue("defaultRoute", value, "it must be true or false");
}

function firstGiven(candidates: readonly (readonly [string, unknown])[]): readonly [string, unknown] {
  return candidates.find(([, value]) => value !== undefined && value !== "") ?? ["", undefined];
}
