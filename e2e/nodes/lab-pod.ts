import { join } from "node:path";
import { runCommand } from "../lib/command.ts";
import { type Netns, removeNetns } from "../lib/netns.ts";
import { REPOSITORY } from "../lib/tools.ts";
import { netnsOf } from "./cluster-network.ts";

/** A pod: a namespace that the shim has attached. */
export interface LabPod {
  readonly netns: Netns;
  /** IPv4, then IPv6; "" for a family that its node does not have. */
  readonly addresses: readonly [string, string];
  /** DEL, with the namespace still there. */
  detach(): Promise<void>;
  /** DEL, and the namespace goes. */
  remove(): Promise<void>;
}

/** Where a pod's agent is: the node's namespace, and the socket. */
export interface PodHost {
  readonly netns: Netns;
  readonly socket: string;
}

export interface LabPodOptions {
  /** Name of the namespace, and the container's ID. */
  readonly name: string;
  readonly runtimeConfig?: Readonly<Record<string, unknown>>;
  /** CNI_ARGS, such as `K8S_POD_NAME=a`. */
  readonly args?: string;
}

/** Makes a namespace and attaches it; one that is refused is removed again. */
export async function attachPod(host: PodHost, options: LabPodOptions): Promise<LabPod> {
  const { name } = options;
  await runCommand(["ip", "netns", "add", name]);
  const detach = async (): Promise<void> => void (await callShim(host, "DEL", options));
  try {
    const { ips } = JSON.parse(await callShim(host, "ADD", options)) as {
      ips: readonly { address: string }[];
    };
    const addresses = ips.map(({ address }) => address.replace(/\/\d+$/, ""));
    const v4 = addresses.find((address) => !address.includes(":")) ?? "";
    const v6 = addresses.find((address) => address.includes(":")) ?? "";
    const remove = async (): Promise<void> => {
      await detach();
      await removeNetns(name);
    };
    return { netns: netnsOf(name), addresses: [v4, v6], detach, remove };
  } catch (error) {
    await removeNetns(name);
    throw error;
  }
}

/** Calls the shim as a runtime does, and gives what it says. */
async function callShim(
  { netns, socket }: PodHost,
  command: "ADD" | "DEL",
  { name, runtimeConfig, args }: LabPodOptions,
): Promise<string> {
  const environment = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: name,
    CNI_NETNS: `/run/netns/${name}`,
    CNI_IFNAME: "eth0",
    CNI_PATH: join(REPOSITORY, "dist", "bin"),
    ...(args === undefined ? {} : { CNI_ARGS: args }),
  };
  const variables = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
  const config = { cniVersion: "1.0.0", name: "causeway", type: "causeway", socket, runtimeConfig };
  const shim = join(REPOSITORY, "dist", "bin", "causeway");
  return runCommand([...netns.enter, "env", ...variables, shim], { input: JSON.stringify(config) });
}
