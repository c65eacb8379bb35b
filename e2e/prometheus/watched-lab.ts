import { join } from "node:path";
import type { NodeKey } from "../../agent/plan/peers/claim.ts";
import { askForKey } from "../../agent/report/ask-agent.ts";
import { encrypting } from "../encryption/encrypted-lab.ts";
import { AGENT_HTTP } from "../lib/agent.ts";
import { observeCommand, runCommand } from "../lib/command.ts";
import { removeNetns } from "../lib/netns.ts";
import { REPOSITORY } from "../lib/tools.ts";
import { waitFor } from "../lib/wait-for.ts";
import { createNodeLab, type NodeLab } from "../libcni/node-lab.ts";
import { type Prometheus, startPrometheus } from "./prometheus.ts";
import { shortenedRules } from "./test-rules.ts";

/** Where the pods of policies' alerts are. */
export const NAMESPACE = { kind: "Namespace", metadata: { name: "shop" } };

/** A node on the segment of the watched one, which nobody is. */
export const FIRST = { name: "first", addresses: ["192.0.2.8"], podCIDRs: ["10.244.8.0/24"] };

/** A node with a real agent that encrypts, watched by a real Prometheus. */
export interface WatchedLab {
  readonly node: NodeLab;
  readonly prometheus: Prometheus;
  /** When Prometheus began, in seconds. */
  readonly startedS: number;
  /**
   * Calls the shim for a pod of that name, whose namespace is made at the first call; gives its exit code.
   * `cniArgs`: as in CNI_ARGS.
   */
  call(command: "ADD" | "DEL", pod: string, cniArgs?: string): Promise<number | null>;
  close(): Promise<void>;
}

export async function createWatchedLab(): Promise<WatchedLab> {
  await using cleanUps = new AsyncDisposableStack();
  const node = await createNodeLab(encrypting());
  cleanUps.defer(node.close);
  node.setPodCidrs(["10.244.7.0/28"]);
  node.setObjects([NAMESPACE]);
  await node.agent();
  node.setKey(await readKey(node));
  const startedS = Date.now() / 1000;
  const prometheus = await startPrometheus({
    folder: node.folder,
    netns: node.network.node,
    targets: { static_configs: [{ targets: [`${AGENT_HTTP.address}:${AGENT_HTTP.port}`] }] },
    rules: shortenedRules(),
  });
  cleanUps.defer(prometheus.stop);
  const pods = new Set<string>();
  const call = async (command: "ADD" | "DEL", pod: string, cniArgs = ""): Promise<number | null> => {
    const name = `${node.tag}-${pod}`;
    if (!pods.has(name)) {
      await runCommand(["ip", "netns", "add", name]);
      pods.add(name);
    }
    const environment = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: name,
      CNI_NETNS: `/run/netns/${name}`,
      CNI_IFNAME: "eth0",
      CNI_PATH: node.cniBinDir,
      CNI_ARGS: cniArgs,
    };
    const variables = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
    const config = { cniVersion: "1.0.0", name: "causeway", type: "causeway", socket: node.socket };
    const shim = join(REPOSITORY, "dist", "bin", "causeway");
    const program = [...node.network.node.enter, "env", ...variables, shim];
    return (await observeCommand(program, { input: JSON.stringify(config) })).code;
  };
  cleanUps.defer(async () => {
    for (const name of pods) await removeNetns(name);
  });
  const finish = cleanUps.move();
  return { node, prometheus, startedS, call, close: () => finish.disposeAsync() };
}

/** The WireGuard key of the node, once it has one. */
async function readKey({ socket }: NodeLab): Promise<NodeKey> {
  return waitFor(
    "the key",
    async () => {
      const answer = await askForKey(socket, { query: "key", timeoutMs: 1000 });
      return answer.kind === "silent" ? undefined : answer.report.key;
    },
    { timeoutMs: 20_000 },
  );
}
