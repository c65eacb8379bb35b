import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { observeCommand } from "../lib/command.ts";
import { NAMESPACE } from "./causeway.ts";
import type { Cluster } from "./cluster.ts";

const AGENT_LOG = [
  "logs",
  `--namespace=${NAMESPACE}`,
  "--selector=app.kubernetes.io/name=causeway",
  "--tail=-1",
];

const QUERIES: Readonly<Record<string, readonly string[]>> = {
  pods: ["get", "pods", "--all-namespaces", "--output=wide"],
  nodes: ["get", "nodes", "--output=yaml"],
  events: ["get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"],
  daemonset: ["describe", "daemonset", `--namespace=${NAMESPACE}`, "causeway"],
  agents: [...AGENT_LOG, "--prefix"],
  "agents-before": [...AGENT_LOG, "--prefix", "--previous"],
};

/**
 * Writes what the cluster looks like beside the logs of its processes, for whoever reads why a test failed.
 */
export async function dumpCluster(cluster: Cluster, test: string): Promise<void> {
  const logs = process.env["CAUSEWAY_E2E_LOGS"] ?? cluster.folder;
  const folder = join(logs, basename(cluster.folder), test.replaceAll(/[^\w-]+/g, "-").slice(0, 60));
  mkdirSync(folder, { recursive: true });
  for (const [name, query] of Object.entries(QUERIES)) {
    const { stdout, stderr } = await observeCommand(cluster.kubectlCommand(query));
    writeFileSync(join(folder, `${name}.txt`), `${stdout}${stderr}`);
  }
  for (const { name, enterNetwork } of cluster.nodes) {
    const script = "ip -d link; ip addr; ip route; ip -6 route; nft list ruleset";
    const { stdout, stderr } = await observeCommand([...enterNetwork(), "sh", "-c", script]);
    writeFileSync(join(folder, `${name}-network.txt`), `${stdout}${stderr}`);
  }
}
