import { existsSync } from "node:fs";
import { BRIDGE_ALIAS } from "../agent/plan/bridge-alias.ts";
import { LINK_GROUP } from "../agent/net/host-link.ts";
import { addressAt, type Cidr } from "../agent/net/cidr.ts";
import { BRIDGE_MAC } from "../agent/plan/node-network.ts";
import { planPodNetwork } from "../agent/plan/pod-network.ts";
import { outputPath } from "./launch.ts";
import { type Host, ip, netnsPath, show, writeWork } from "./machine.ts";
import type { Program } from "./program.ts";

const BRIDGE = "cw0";
const MTU = 1500;

/** Far above what the kernel gives on its own. */
const FIRST_LINK_INDEX = 100_000;

/** floor.c, on a bridge like the agent's: what the kernel's part of the work costs. Its VERSION is an empty program. */
export function createFloor(id: string, host: Host, podCidr: Cidr): Program {
  const gateway = addressAt(podCidr, 1n);
  const bridgeIndex = makeBridge(host, `${gateway}/${podCidr.prefixLength}`);
  const nothing = writeWork(`${id}.conf`, "");

  function environment(pod: number): Record<string, string> {
    const address = addressAt(podCidr, BigInt(pod) + 2n);
    const containerId = String(pod).padStart(64, "0");
    const plan = planPodNetwork({
      network: "bench",
      containerId,
      ifname: "eth0",
      mtu: MTU,
      addresses: [{ family: 4, address, gateway }],
    });
    return {
      CNI_NETNS: netnsPath(host.podNetns[pod] ?? ""),
      CNI_IFNAME: plan.pod.ifname,
      FLOOR_LINK: plan.host.link,
      FLOOR_ALIAS: plan.host.alias,
      FLOOR_BRIDGE: String(bridgeIndex),
      FLOOR_INDEX: String(FIRST_LINK_INDEX + pod),
      FLOOR_MTU: String(plan.mtu),
      FLOOR_ADDRESS: address,
      FLOOR_GATEWAY: gateway,
      FLOOR_MAC: plan.pod.mac,
      FLOOR_HOST_MAC: plan.host.mac,
      FLOOR_GATEWAY_MAC: plan.pod.gatewayMac,
      FLOOR_IPV6: existsSync("/proc/net/if_inet6") ? "1" : "0",
    };
  }

  return {
    id,
    name: (command) => (command === "VERSION" ? "empty static program" : "raw netlink in C"),
    host,
    bridge: BRIDGE,
    run: (command, pod) => ({
      what: `${command} pod ${pod} with raw netlink`,
      program: builtProgram(command === "VERSION" ? "empty" : "floor"),
      environment: { CNI_COMMAND: command, ...environment(pod) },
      stdin: nothing,
      stdout: outputPath(id, command, pod),
    }),
    close: async () => undefined,
  };
}

function builtProgram(name: string): string {
  return new URL(`../dist/bench/${name}`, import.meta.url).pathname;
}

/** A bridge as agent/kernel/ensure-bridge.ts makes it; gives its index. */
function makeBridge({ netns }: Host, gateway: string): number {
  ip(
    [
      `link add ${BRIDGE} address ${BRIDGE_MAC} mtu ${MTU} group ${LINK_GROUP} type bridge mcast_snooping 0 stp_state 0`,
      `link set ${BRIDGE} alias "${BRIDGE_ALIAS}"`,
      `link set ${BRIDGE} addrgenmode none`,
      `link set ${BRIDGE} up`,
      `address add ${gateway} dev ${BRIDGE}`,
    ],
    netns,
  );
  const [link] = show(netns, "ip", "link", "show", BRIDGE) as { ifindex: number }[];
  if (link === undefined) throw new Error(`Cannot find bridge "${BRIDGE}" in "${netns}"`);
  return link.ifindex;
}
