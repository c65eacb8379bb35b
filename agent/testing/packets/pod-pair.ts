import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "../machine/eventually.ts";
import { makeNetns, type Netns, runOnHost } from "../machine/netns.ts";
import { ethernet } from "./raw-frames.ts";

/** Addresses of the pod "web" of this node, and of "front": another node's, for all that policies know. */
export const WEB = ["10.244.1.7", "fd00:10:244:1::7"] as const;
export const FRONT = ["10.244.3.9", "fd00:10:244:3::9"] as const;

/** The host's own, on the links to both. */
export const GATEWAYS = ["10.244.1.1", "fd00:10:244:1::1"] as const;

/** Two namespaces with the host between them, where tests of the kernel's table send what they like. */
export interface PodPair {
  readonly web: Netns;
  readonly front: Netns;
  /** Sends one to the other a packet as it is. */
  sendPacket(from: "web" | "front", type: "ipv4" | "ipv6", packet: Uint8Array): Promise<void>;
  remove(): Promise<void>;
}

export async function makePodPair(): Promise<PodPair> {
  const pods = { web: await makeNetns(), front: await makeNetns() };
  await connect(pods.web, "web0", WEB);
  await connect(pods.front, "front0", FRONT);
  // A link that is up carries nothing before the kernel has seen its carrier.
  for (const address of WEB) await eventually(`${address} is reached`, () => answers(pods.front, address));
  return {
    ...pods,
    async sendPacket(from, type, packet) {
      const program = join(import.meta.dirname, "send-frames.ts");
      const ends = {
        from: macIn(await pods[from].run("ip", "link", "show", "eth0")),
        to: macIn(await runOnHost("ip", "link", "show", `${from}0`)),
      };
      await pods[from].run(process.execPath, program, "eth0", ethernet(ends, type, packet).toString("hex"));
    },
    async remove() {
      for (const pod of Object.values(pods)) await pod.remove();
    },
  };
}

function macIn(text: string): string {
  return /link\/ether (\S+)/.exec(text)?.[1] ?? assert.fail(text);
}

/** Gateway of a namespace: the host. */
async function connect(netns: Netns, link: string, [v4, v6]: readonly [string, string]): Promise<void> {
  const gateway = (address: string): string => address.replace(/\d+$/, "1");
  await runOnHost(
    "sh",
    "-c",
    `set -e
    ip link add ${link} type veth peer name eth0 netns ${netns.pid}
    ip addr add ${gateway(v4)}/24 dev ${link}
    ip addr add ${gateway(v6)}/64 dev ${link} nodad
    ip link set ${link} up
    sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1`,
  );
  await netns.run(
    "sh",
    "-c",
    `set -e
    ip addr add ${v4}/24 dev eth0
    ip addr add ${v6}/64 dev eth0 nodad
    ip link set eth0 up
    ip route add default via ${gateway(v4)}
    ip -6 route add default via ${gateway(v6)}`,
  );
}

/** Whether an address answers to ping. */
export async function answers(from: Netns | "host", address: string): Promise<boolean> {
  const ping = ["ping", "-c1", "-W1", address] as const;
  try {
    await (from === "host" ? runOnHost(...ping) : from.run(...ping));
    return true;
  } catch {
    return false;
  }
}
