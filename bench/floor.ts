import { existsSync } from "node:fs";
import { BRIDGE_ALIAS } from "../agent/plan/node/bridge-alias.ts";
import { addressAt, type Cidr } from "../agent/net/cidr.ts";
import { LINK_GROUP } from "../agent/net/host-link.ts";
import { linkLocalOf } from "../agent/net/mac.ts";
import { BRIDGE_MAC } from "../agent/net/host-link.ts";
import { planPodNetwork } from "../agent/plan/pods/pod-network.ts";
import { TABLE_NAME } from "../agent/plan/nft/nft-table.ts";
import { outputPath } from "./launch.ts";
import { type Host, ip, netnsPath, run, show, writeWork } from "./machine.ts";
import { type Command, type Program, uidOf } from "./program.ts";

/** As the agent calls its bridge. */
export const BRIDGE = "cw0";

const MTU = 1500;

/** Far above what the kernel gives on its own. */
const FIRST_LINK_INDEX = 100_000;

export interface FloorInput {
  readonly id: string;
  readonly host: Host;
  /** One, or one of each family. */
  readonly podCidrs: readonly Cidr[];
  /** What is told of it in the table, after its name. */
  readonly remark?: string;
}

/**
 * floor.c, on a bridge and with sets like the agent's: what the kernel's part of the work costs. Its VERSION
 * and STATUS are an empty program.
 */
export function createFloor({ id, host, podCidrs, remark = "" }: FloorInput): Program {
  const gateways = podCidrs.map((cidr) => addressAt(cidr, 1n));
  const bridgeIndex = makeBridge(
    host,
    podCidrs.map(({ prefixLength }, index) => `${gateways[index]}/${prefixLength}`),
  );
  makeSourceSets(host);
  const nothing = writeWork(`${id}.conf`, "");

  function environment(pod: number): Record<string, string> {
    const addresses = podCidrs.map((cidr, index) => {
      return {
        family: cidr.family,
        address: addressAt(cidr, BigInt(pod) + 2n),
        gateway: gateways[index] ?? "",
      };
    });
    const plan = planPodNetwork({
      network: "bench",
      containerId: String(pod).padStart(64, "0"),
      ifname: "eth0",
      pod: { namespace: "bench", name: `pod-${pod}`, uid: uidOf(pod) },
      mtu: MTU,
      addresses,
    });
    return {
      CNI_NETNS: netnsPath(host.podNetns[pod] ?? ""),
      CNI_IFNAME: plan.pod.ifname,
      FLOOR_LINK: plan.host.link,
      FLOOR_ALIAS: plan.host.alias,
      FLOOR_UID_NAME: plan.host.uidName ?? "",
      FLOOR_BRIDGE: String(bridgeIndex),
      FLOOR_INDEX: String(FIRST_LINK_INDEX + 2 * pod),
      FLOOR_MTU: String(plan.mtu),
      ...Object.fromEntries(
        addresses.flatMap(({ family, address, gateway }) => [
          [`FLOOR_ADDRESS${family}`, address],
          [`FLOOR_GATEWAY${family}`, gateway],
        ]),
      ),
      FLOOR_LINK_LOCAL: linkLocalOf(plan.pod.mac),
      FLOOR_MAC: plan.pod.mac,
      FLOOR_HOST_MAC: plan.host.mac,
      FLOOR_GATEWAY_MAC: plan.pod.gatewayMac,
      FLOOR_IPV6: existsSync("/proc/net/if_inet6") ? "1" : "0",
    };
  }

  const isEmpty = (command: Command): boolean => command === "VERSION" || command === "STATUS";
  return {
    id,
    name: (command) => (isEmpty(command) ? "empty static program" : `raw netlink in C${remark}`),
    host,
    answers: ["STATUS"],
    isDualStack: podCidrs.length > 1,
    share: 1,
    run: (command, pod) => ({
      what: `${command} pod ${pod} with raw netlink`,
      program: builtProgram(isEmpty(command) ? "empty" : "floor"),
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

/** A bridge as agent/kernel/node/ensure-bridge.ts makes it; gives its index. */
function makeBridge({ netns }: Host, gateways: readonly string[]): number {
  ip(
    [
      `link add ${BRIDGE} address ${BRIDGE_MAC} mtu ${MTU} group ${LINK_GROUP} type bridge mcast_snooping 0 stp_state 0`,
      `link set ${BRIDGE} alias "${BRIDGE_ALIAS}"`,
      `link set ${BRIDGE} addrgenmode none`,
      `link set ${BRIDGE} up`,
      ...gateways.map((gateway) => `address add ${gateway} dev ${BRIDGE} nodad`),
    ],
    netns,
  );
  const [link] = show(netns, "ip", "link", "show", BRIDGE) as { ifindex: number }[];
  if (link === undefined) throw new Error(`Cannot find bridge "${BRIDGE}" in "${netns}"`);
  return link.ifindex;
}

/** Sets like those of agent/plan/rules/port-guard.ts. */
function makeSourceSets({ netns }: Host): void {
  const commands = [4, 6].map(
    (family) => `add set bridge ${TABLE_NAME} sources${family} { type ifname . ipv${family}_addr; }`,
  );
  const input = [`add table bridge ${TABLE_NAME}`, ...commands].join("\n");
  run(["ip", "netns", "exec", netns, "nft", "-f", "-"], input);
}
