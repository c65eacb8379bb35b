import { observeCommand, runCommand } from "./command.ts";

/** A named network namespace. */
export interface Netns {
  readonly name: string;
  /**
   * Words before a command that let it run in the namespace; unlike `ip netns exec` they leave /sys as it is.
   */
  readonly enter: readonly string[];
}

/** Two namespaces with a link between them: a node, and the world outside that knows nothing of pods. */
export interface LabNetwork {
  readonly node: Netns;
  readonly outside: Netns;
  readonly nodeAddresses: readonly [string, string];
  /** Of the world outside on the link, from which it speaks to the node. */
  readonly routerAddresses: readonly [string, string];
  /** Addresses outside of the link's subnets, so that they are reached through the default routes. */
  readonly outsideAddresses: readonly [string, string];
  /** Of the node's uplink. */
  readonly mtu: number;
  /** Of pods: the overlay, which may be used, puts up to 70 bytes around a packet. */
  readonly podMtu: number;
  remove(): Promise<void>;
}

/** As Kubernetes names the node of such a network. */
export const NODE_NAME = "node-a";

const NODE = ["192.0.2.2", "2001:db8:2::2"] as const;
const ROUTER = ["192.0.2.1", "2001:db8:2::1"] as const;
const WORLD = ["198.51.100.1", "2001:db8:100::1"] as const;

/** Not the default of any link, so that a pod's MTU shows where it came from. */
const MTU = 1450;

/** Makes both namespaces, named after `tag`, with the node's uplink `up0`. */
export async function createLabNetwork(tag: string): Promise<LabNetwork> {
  const node = netnsOf(`${tag}-node`);
  const outside = netnsOf(`${tag}-out`);
  const remove = async (): Promise<void> => {
    for (const { name } of [node, outside]) await removeNetns(name);
  };
  try {
    for (const { name } of [node, outside]) await runCommand(["ip", "netns", "add", name]);
    await ipBatch(outside, [
      "link set lo up",
      `link add out0 mtu ${MTU} type veth peer name up0 mtu ${MTU} netns ${node.name}`,
      `addr add ${ROUTER[0]}/24 dev out0`,
      `addr add ${ROUTER[1]}/64 dev out0 nodad`,
      `addr add ${WORLD[0]}/32 dev lo`,
      `addr add ${WORLD[1]}/128 dev lo nodad`,
      "link set out0 up",
    ]);
    await ipBatch(node, [
      "link set lo up",
      `addr add ${NODE[0]}/24 dev up0`,
      `addr add ${NODE[1]}/64 dev up0 nodad`,
      "link set up0 up",
      `route add default via ${ROUTER[0]}`,
      `route add default via ${ROUTER[1]} dev up0`,
    ]);
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    node,
    outside,
    nodeAddresses: NODE,
    routerAddresses: ROUTER,
    outsideAddresses: WORLD,
    mtu: MTU,
    podMtu: MTU - 70,
    remove,
  };
}

/** Removes a named namespace; one that is gone already is no error. */
export async function removeNetns(name: string): Promise<void> {
  const { code, stderr } = await observeCommand(["ip", "netns", "del", name]);
  if (code !== 0 && !stderr.includes("No such file")) {
    throw new Error(`Cannot remove network namespace "${name}": ${stderr.trim()}`);
  }
}

function netnsOf(name: string): Netns {
  return { name, enter: ["nsenter", `--net=/run/netns/${name}`, "--"] };
}

async function ipBatch({ name }: Netns, lines: readonly string[]): Promise<void> {
  await runCommand(["ip", "-n", name, "-batch", "-"], { input: `${lines.join("\n")}\n` });
}

/** Throws unless two echo requests from there are answered. */
export async function ping(enter: readonly string[], address: string): Promise<void> {
  await runCommand([...enter, "ping", "-n", "-c", "2", "-i", "0.05", "-W", "2", address]);
}
