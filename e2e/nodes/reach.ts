import { join } from "node:path";
import { observeCommand } from "../lib/command.ts";
import type { Netns } from "../lib/netns.ts";
import { REPOSITORY } from "../lib/tools.ts";
import { waitFor } from "../lib/wait-for.ts";
import { type LabNode, TCP_PORT } from "./cluster-lab.ts";
import type { LabPod } from "./lab-pod.ts";

/** Bytes of IP and ICMP header in front of a ping's data. */
const HEADER_BYTES = { 4: 28, 6: 48 } as const;

export interface PingOptions {
  /** Of the whole packet, which must not be fragmented. */
  readonly packetBytes?: number;
  readonly timeoutS?: number;
}

/** Whether one ping is answered. */
export async function pings(from: Netns, target: string, options: PingOptions = {}): Promise<boolean> {
  const { packetBytes, timeoutS = 2 } = options;
  const header = HEADER_BYTES[target.includes(":") ? 6 : 4];
  const size = packetBytes === undefined ? [] : ["-M", "do", "-s", String(packetBytes - header)];
  const command = [...from.enter, "ping", "-n", "-c1", `-W${timeoutS}`, ...size, target];
  return (await observeCommand(command)).code === 0;
}

/** One way from a pod to an address, for messages. */
export interface Way {
  readonly from: string;
  readonly netns: Netns;
  readonly target: string;
  readonly packetBytes?: number;
}

const AT_ONCE = 8;

/** The ways on which no ping is answered. */
export async function findUnreachable(ways: readonly Way[]): Promise<readonly string[]> {
  const failed: string[] = [];
  const left = [...ways];
  const work = async (): Promise<void> => {
    for (let way = left.pop(); way !== undefined; way = left.pop()) {
      const { from, netns, target, packetBytes } = way;
      const isReached = await pings(netns, target, packetBytes === undefined ? {} : { packetBytes });
      if (!isReached)
        failed.push(`${from} → ${target}${packetBytes === undefined ? "" : ` (${packetBytes} bytes)`}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return failed;
}

/**
 * Echoes a megabyte by TCP with servers at all addresses at once; gives the address that each server sees, or
 * what went wrong.
 */
export async function echoAll(from: Netns, targets: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const script = join(REPOSITORY, "e2e", "nodes", "tcp-client.ts");
  const command = [...from.enter, process.execPath, script, String(TCP_PORT), ...targets];
  const { stdout } = await observeCommand(command);
  const answers = new Map(targets.map((target) => [target, "no answer"]));
  for (const line of stdout.trim().split("\n")) {
    const [target = "", seen = "", received] = line.split(" ");
    answers.set(target, Number(received) === 1 << 20 ? seen : line);
  }
  return answers;
}

export async function mtuOf({ netns }: Pick<LabPod, "netns">, link = "eth0"): Promise<number> {
  const { stdout } = await observeCommand([...netns.enter, "ip", "link", "show", link]);
  return Number(/mtu (\d+)/.exec(stdout)?.[1]);
}

/** Waits until a pod of the node pings all targets, for each so long. */
export async function reachAll(node: LabNode, targets: readonly string[], timeoutMs = 5000): Promise<void> {
  for (const target of targets) {
    await waitFor(
      `a ping from ${node.name} to ${target}`,
      async () => (await pings(node.pods[0].netns, target, { timeoutS: 0.2 })) || undefined,
      { timeoutMs, intervalMs: 5 },
    );
  }
}
