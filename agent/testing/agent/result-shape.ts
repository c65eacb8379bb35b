import assert from "node:assert/strict";
import type { CniVersion } from "../../cni/request/network-config.ts";
import type { Netns } from "../machine/netns.ts";

/** What the pod has, read from the kernel. */
export interface PodFacts {
  readonly mac: string;
  readonly mtu: number;
  /** Interface addresses with their prefix lengths, without those of link scope. */
  readonly addresses: readonly string[];
}

interface Ip {
  readonly interface: number;
  readonly address: string;
  readonly gateway: string;
  readonly version?: string;
}

interface Result {
  readonly cniVersion: string;
  readonly interfaces: readonly { name: string; mac: string; sandbox?: string; mtu?: number }[];
  readonly ips: readonly Ip[];
  readonly routes: readonly { dst: string; gw: string }[];
  readonly ip4?: { ip: string; gateway: string; routes: readonly unknown[] };
  readonly ip6?: { ip: string; gateway: string; routes: readonly unknown[] };
}

const GATEWAYS: Readonly<Record<string, string>> = { 4: "10.244.1.1", 6: "fd00:1::1" };
const DEFAULT: Readonly<Record<string, string>> = { 4: "0.0.0.0/0", 6: "::/0" };

export async function readPod(pod: Netns, ifname = "eth0"): Promise<PodFacts> {
  const [link] = JSON.parse(await pod.run("ip", "-j", "address", "show", "dev", ifname)) as {
    address: string;
    mtu: number;
    addr_info: readonly { local: string; prefixlen: number; scope: string }[];
  }[];
  assert.ok(link !== undefined);
  const addresses = link.addr_info.filter(({ scope }) => scope === "global");
  return {
    mac: link.address,
    mtu: link.mtu,
    addresses: addresses.map(({ local, prefixlen }) => `${local}/${prefixlen}`),
  };
}

/** Interfaces of a plugin before ours in the chain, in a shape that all versions from 0.3.0 on share. */
export const EARLIER_INTERFACE = { name: "earlier0", mac: "02:00:00:00:00:01" };

/**
 * Asserts that what ADD printed is the result of its version (SPEC.md of 0.2.0, 0.3.1, 0.4.0, 1.0.0 and
 * 1.1.0, "Result"), says what the kernel has, and keeps the interfaces of earlier plugins.
 */
export function assertResult(
  stdout: string,
  want: { version: CniVersion; netns: string; pod: PodFacts; earlier: number },
): void {
  const result = JSON.parse(stdout) as Result;
  assert.equal(result.cniVersion, want.version);
  if (want.version === "0.1.0" || want.version === "0.2.0") assertLegacy(result, want.pod);
  else assertCurrent(result, want);
}

const familyOf = (address: string): "4" | "6" => (address.includes(":") ? "6" : "4");

function assertLegacy(result: Result, pod: PodFacts): void {
  const wanted = pod.addresses.map((ip) => {
    const family = familyOf(ip);
    const gateway = GATEWAYS[family];
    return [`ip${family}`, { ip, gateway, routes: [{ dst: DEFAULT[family], gw: gateway }] }];
  });
  assert.deepEqual(result, { cniVersion: result.cniVersion, ...Object.fromEntries(wanted), dns: {} });
}

function assertCurrent(
  result: Result,
  { version, netns, pod, earlier }: { version: CniVersion; netns: string; pod: PodFacts; earlier: number },
): void {
  const own = result.interfaces.slice(earlier);
  assert.equal(own.length, 3);
  assert.deepEqual(result.interfaces.slice(0, earlier), earlier === 0 ? [] : [EARLIER_INTERFACE]);
  const mtu = version === "1.1.0" ? { mtu: pod.mtu } : {};
  assert.deepEqual(own[2], { name: "eth0", mac: pod.mac, ...mtu, sandbox: netns });
  assert.equal(own[0]?.name, "cw0");
  assert.match(own[1]?.name ?? "", /^cw[a-z2-7]{13}$/);
  for (const { sandbox } of own.slice(0, 2)) assert.ok(sandbox === undefined || sandbox === "");
  const hasFamily = version.startsWith("0.");
  assert.deepEqual(
    result.ips,
    pod.addresses.map((address) => {
      const ip = { interface: earlier + 2, address, gateway: GATEWAYS[familyOf(address)] };
      return hasFamily ? { version: familyOf(address), ...ip } : ip;
    }),
  );
  assert.deepEqual(
    result.routes,
    pod.addresses.map((address) => ({ dst: DEFAULT[familyOf(address)], gw: GATEWAYS[familyOf(address)] })),
  );
  assert.equal(result.ip4 ?? result.ip6, undefined);
}
