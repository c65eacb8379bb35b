import { formatCidr } from "../../net/cidr.ts";
import type { PodPlan } from "../../plan/pods/pod-network.ts";
import type { PodRoute } from "../../plan/pods/pod-routing.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { CniVersion } from "../request/network-config.ts";
import { listAt } from "./prev-result.ts";

export interface ResultInput {
  readonly plan: PodPlan;
  /** Those that were made. */
  readonly routes: readonly PodRoute[];
  readonly bridge: { readonly name: string; readonly mac: string };
  /** CNI_NETNS as the runtime gave it. */
  readonly netns: string;
  readonly dns: JsonObject | undefined;
  /** Result of the plugins before us, which ours is added to. */
  readonly prevResult: JsonObject | undefined;
}

/** The result of an ADD in the shape of the configuration's version (SPEC.md of each release, "Result"). */
export function formatResult(input: ResultInput, version: CniVersion): string {
  const isLegacy = version === "0.1.0" || version === "0.2.0";
  const result = isLegacy ? legacyResult(input) : currentResult(input, version);
  const { prevResult = {} } = input;
  const dns = input.dns ?? prevResult["dns"] ?? {};
  return `${JSON.stringify({ ...prevResult, cniVersion: version, ...result, dns })}\n`;
}

/** 0.1.0 and 0.2.0: one address of each family. */
function legacyResult({ plan, routes }: ResultInput): JsonObject {
  return Object.fromEntries(
    plan.pod.addresses.map(({ family, address, prefixLength, gateway }) => {
      const own = routes.filter(({ destination }) => destination.family === family);
      const ip = { ip: `${address}/${prefixLength}`, gateway, routes: own.map(formatRoute) };
      return [`ip${family}`, ip];
    }),
  );
}

/** 0.3.0 on; `ips[].version` ends with 0.4.0, `interfaces[].mtu` begins with 1.1.0. */
function currentResult(input: ResultInput, version: CniVersion): JsonObject {
  const { plan, routes, bridge, netns, prevResult = {} } = input;
  const { host, pod, mtu } = plan;
  const before = {
    interfaces: listAt(prevResult, "interfaces"),
    ips: listAt(prevResult, "ips"),
    routes: listAt(prevResult, "routes"),
  };
  const hasMtu = version === "1.1.0";
  const hasIpVersion = version === "0.3.0" || version === "0.3.1" || version === "0.4.0";
  const link = (name: string, mac: string): JsonObject => ({ name, mac, ...(hasMtu ? { mtu } : {}) });
  return {
    interfaces: [
      ...before.interfaces,
      link(bridge.name, bridge.mac),
      link(host.link, host.mac),
      { ...link(pod.ifname, pod.mac), sandbox: netns },
    ],
    ips: [
      ...before.ips,
      ...pod.addresses.map(({ family, address, prefixLength, gateway }) => {
        return {
          version: hasIpVersion ? String(family) : undefined,
          interface: before.interfaces.length + 2,
          address: `${address}/${prefixLength}`,
          gateway,
        };
      }),
    ],
    routes: [...before.routes, ...routes.map(formatRoute)],
  };
}

function formatRoute({ destination, gateway }: PodRoute): JsonObject {
  return { dst: formatCidr(destination), gw: gateway };
}
