import { observeCommand, runCommand } from "../lib/command.ts";
import { type Netns, removeNetns } from "../lib/netns.ts";

/** The network that all nodes are on, with the control plane and the world outside in one namespace. */
export interface Fabric {
  readonly netns: Netns;
  /** Connects the network namespace of a process as the node of this number. */
  connect(pid: number, number: number): Promise<void>;
  /** Succeeds also when the node is gone already. */
  disconnect(number: number): Promise<void>;
  remove(): Promise<void>;
}

/** Of the control plane, IPv4 and IPv6. */
export const CONTROL_PLANE = ["192.0.2.1", "2001:db8:2::1"] as const;

/** Addresses behind the control plane's, which know nothing of pods. */
export const WORLD = ["198.51.100.1", "2001:db8:100::1"] as const;

/** Addresses of a node by its number, IPv4 and IPv6. */
export function nodeAddresses(number: number): readonly [string, string] {
  return [`192.0.2.${10 + number}`, `2001:db8:2::${10 + number}`];
}

export async function createFabric(name: string): Promise<Fabric> {
  const netns: Netns = { name, enter: ["nsenter", `--net=/run/netns/${name}`, "--"] };
  const remove = (): Promise<void> => removeNetns(name);
  await runCommand(["ip", "netns", "add", name]);
  try {
    await ipBatch(netns.enter, [
      "link set lo up",
      "link add fabric type bridge",
      `addr add ${CONTROL_PLANE[0]}/24 dev fabric`,
      `addr add ${CONTROL_PLANE[1]}/64 dev fabric nodad`,
      "link set fabric up",
      `addr add ${WORLD[0]}/32 dev lo`,
      `addr add ${WORLD[1]}/128 dev lo nodad`,
    ]);
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    netns,
    async connect(pid, number) {
      const [v4, v6] = nodeAddresses(number);
      await ipBatch(netns.enter, [
        `link add node${number} type veth peer name eth0 netns ${pid}`,
        `link set node${number} master fabric up`,
      ]);
      await ipBatch(
        ["nsenter", `--net=/proc/${pid}/ns/net`, "--"],
        [
          `addr add ${v4}/24 dev eth0`,
          `addr add ${v6}/64 dev eth0 nodad`,
          "link set eth0 up",
          `route add default via ${CONTROL_PLANE[0]}`,
          `route add default via ${CONTROL_PLANE[1]} dev eth0`,
        ],
      );
    },
    async disconnect(number) {
      // The link vanishes with the node's namespace, but when is the kernel's choice.
      const command = [...netns.enter, "ip", "link", "delete", `node${number}`];
      const { code, stderr } = await observeCommand(command);
      if (code !== 0 && !stderr.includes("Cannot find device"))
        throw new Error(`Cannot disconnect: ${stderr}`);
    },
    remove,
  };
}

async function ipBatch(enter: readonly string[], lines: readonly string[]): Promise<void> {
  await runCommand([...enter, "ip", "-batch", "-"], { input: `${lines.join("\n")}\n` });
}
