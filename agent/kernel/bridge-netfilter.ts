import type { Sysctls } from "./ipv6-forwarding.ts";

const SETTINGS = ["net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables"] as const;

/**
 * What the operator should know of br_netfilter. With these settings on, the bridge itself translates the destination of a packet to a
 * service, and where the answer is a pod of the same bridge it forwards the frame to that pod's port instead of giving it to the host
 * (br_nf_pre_routing_finish of net/bridge/br_netfilter_hooks.c): isolated ports drop it. Empty when they are off, or the module is not there.
 */
export async function describeBridgeNetfilter(sysctls: Pick<Sysctls, "read">): Promise<readonly string[]> {
  const values = await Promise.all(SETTINGS.map((name) => sysctls.read(name).catch(() => "0")));
  const on = SETTINGS.filter((_, index) => values[index] === "1");
  if (on.length === 0) return [];
  const remedy = on.map((name) => `sysctl -w ${name.replaceAll("/", ".")}=0`).join(" && ");
  return [
    `br_netfilter is on: services do not reach pods of their client's own node; on the node run: ${remedy}`,
  ];
}
