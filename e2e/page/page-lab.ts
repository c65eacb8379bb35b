import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { AGENT_HTTP } from "../lib/agent.ts";
import { observeCommand, runCommand } from "../lib/command.ts";
import { removeNetns } from "../lib/netns.ts";
import { REPOSITORY } from "../lib/tools.ts";
import { createNodeLab, type NodeLab } from "../libcni/node-lab.ts";
import { startBrowser } from "./browser.ts";

export const PAGE_URL = `http://${AGENT_HTTP.address}:${AGENT_HTTP.port}/`;

/** A node with an agent, pods, and a browser on it. */
export interface PageLab {
  readonly node: NodeLab;
  readonly browser: Browser;
  /**
   * Makes a namespace and calls the shim as a runtime does; `name` is `NAMESPACE/POD`. Gives the exit code.
   */
  addPod(name: string, runtimeConfig?: object): Promise<number | null>;
  removePod(name: string): Promise<void>;
  /** Runs a command in the node's namespace. */
  run(...command: readonly string[]): Promise<string>;
  close(): Promise<void>;
}

const PEERS = [
  ...Array.from({ length: 24 }, (_, index) => ({
    name: `node-${String.fromCodePoint(98 + index)}`,
    addresses: [`192.0.2.${10 + index}`],
    podCIDRs: [`10.244.${10 + index}.0/24`],
  })),
  { name: "edge-1", addresses: ["198.51.100.7"], podCIDRs: ["10.244.50.0/24"] },
  { name: "edge-2", addresses: ["198.51.100.8"], podCIDRs: ["10.244.51.0/24"] },
];

export async function createPageLab(): Promise<PageLab> {
  await using cleanUps = new AsyncDisposableStack();
  const node = await createNodeLab();
  cleanUps.defer(node.close);
  node.setPeers(PEERS);
  await node.agent();
  const { enter } = node.network.node;
  /** Numbers of namespaces by pod. */
  const pods = new Map<string, string>();
  const call = async (command: string, name: string, runtimeConfig: object = {}): Promise<number | null> => {
    const netns = pods.get(name) ?? "";
    const [namespace = "", pod = ""] = name.split("/", 2);
    const environment = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: createHash("sha256").update(netns).digest("hex"),
      CNI_NETNS: `/run/netns/${netns}`,
      CNI_IFNAME: "eth0",
      CNI_PATH: node.cniBinDir,
      CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${pod}`,
    };
    const variables = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
    const config = { cniVersion: "1.0.0", name: "causeway", type: "causeway", socket: node.socket };
    const shim = join(REPOSITORY, "dist", "bin", "causeway");
    const input = JSON.stringify({ ...config, runtimeConfig });
    return (await observeCommand([...enter, "env", ...variables, shim], { input })).code;
  };
  let count = 0;
  const removePod = async (name: string): Promise<void> => {
    await call("DEL", name);
    await removeNetns(pods.get(name) ?? "");
    pods.delete(name);
  };
  cleanUps.defer(async () => {
    for (const name of pods.keys()) await removePod(name);
  });
  const browser = await startBrowser(node.network.node, node.folder);
  cleanUps.defer(() => browser.close());
  const finish = cleanUps.move();
  return {
    node,
    browser,
    async addPod(name, runtimeConfig) {
      const netns = `${node.tag}-pod${count++}`;
      await runCommand(["ip", "netns", "add", netns]);
      pods.set(name, netns);
      return call("ADD", name, runtimeConfig);
    },
    removePod,
    run: (...command) => runCommand([...enter, ...command]),
    close: () => finish.disposeAsync(),
  };
}
