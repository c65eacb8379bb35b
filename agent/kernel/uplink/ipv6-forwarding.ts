import { readFile, writeFile } from "node:fs/promises";
import type { NodeOutcome } from "../types.ts";

/** Reads and writes sysctls of this network namespace; a value is the file's text without the line end. */
export interface Sysctls {
  read(name: string): Promise<string>;
  write(name: string, value: string): Promise<void>;
}

export const procSysctls: Sysctls = {
  read: async (name) => (await readFile(sysctlPath(name), "utf8")).trim(),
  write: (name, value) => writeFile(sysctlPath(name), value),
};

function sysctlPath(name: string): string {
  return `/proc/sys/${name}`;
}

/**
 * Turns IPv6 forwarding on, for which netlink has no message. A router does not accept router advertisements
 * (RFC 4861 section 6.2.3; the kernel follows with accept_ra=1), so an uplink that got its default route from
 * one must be told to go on first, or the node loses the world (cilium/cilium#21819). Tells whether it was
 * off, and what the operator must do where /proc/sys is read-only.
 */
export async function ensureIpv6Forwarding(
  sysctls: Sysctls,
  uplinks: readonly string[],
): Promise<NodeOutcome> {
  const forwarding = "net/ipv6/conf/all/forwarding";
  try {
    if ((await sysctls.read(forwarding)) === "1") return { changes: [], faults: [] };
  } catch (error) {
    return failed(`IPv6 is not usable on this node: cannot read ${forwarding} (${describe(error)})`);
  }
  const accepting: string[] = [];
  for (const uplink of uplinks) {
    const name = `net/ipv6/conf/${uplink}/accept_ra`;
    if ((await sysctls.read(name).catch(() => "0")) === "1") accepting.push(name);
  }
  const remedy = [...accepting.map((name) => `${name}=2`), `${forwarding}=1`];
  try {
    for (const name of accepting) await sysctls.write(name, "2");
    await sysctls.write(forwarding, "1");
    return { changes: [{ kind: "forwarding", fault: `${forwarding} is 0` }], faults: [] };
  } catch (error) {
    const settings = remedy.map((setting) => `sysctl -w ${setting.replaceAll("/", ".")}`).join(" && ");
    return failed(
      `IPv6 forwarding is off and the agent may not set it (${describe(error)}); on the node run: ${settings}`,
    );
  }
}

/** What a link does that hears nothing of routers. */
const DEAF = { accept_ra: "0", accept_redirects: "0", autoconf: "0" } as const;

/**
 * Lets a link take no word of routers, for which netlink has no message either. Where /proc/sys is read-only
 * nothing is lost: the rules of the bridge are what keeps pods' advertisements away, and this stands behind
 * them.
 */
export async function ignoreRouters(sysctls: Sysctls, link: string): Promise<void> {
  for (const [name, value] of Object.entries(DEAF)) {
    const path = `net/ipv6/conf/${link}/${name}`;
    const current = await sysctls.read(path).catch(() => value); // no IPv6
    if (current !== value) await sysctls.write(path, value).catch(() => undefined); // read-only
  }
}

function failed(fault: string): NodeOutcome {
  return { changes: [], faults: [fault] };
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.message.split(",")[0] ?? error.message) : String(error);
}
