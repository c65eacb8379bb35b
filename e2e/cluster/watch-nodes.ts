import { existsSync } from "node:fs";
import type { V1Node } from "@kubernetes/client-node";
import { newErrorsThrough, unreadinessThrough, verifyThrough } from "../lib/ask-agent.ts";
import { watchAgent } from "../lib/end-of-test.ts";
import type { Cluster } from "./cluster.ts";
import type { ClusterNode } from "./cluster-node.ts";
import { readyCondition } from "./cluster-nodes.ts";

const AGENT_SOCKET = "/run/causeway/agent.sock";

/** From here on every test ends with all agents well, and all nodes that have one Ready. */
export function watchNodes({ api, nodes }: Pick<Cluster, "api" | "nodes">): void {
  for (const node of nodes) {
    const socket = (): string => node.outerPath(AGENT_SOCKET) ?? "";
    const isRunning = (): boolean => hasAgent(node);
    const newErrors = newErrorsThrough(socket);
    watchAgent({
      name: node.name,
      isRunning,
      errors: async () => (isRunning() ? newErrors() : []),
      async unreadiness() {
        const reason = await unreadinessThrough(socket());
        if (reason !== undefined) return reason;
        const { status, message } = readyCondition(await api.get<V1Node>(`/api/v1/nodes/${node.name}`));
        return status === "True" ? undefined : `the Node is Ready=${status}: ${message}`;
      },
      verify: () => verifyThrough(socket()),
    });
  }
}

function hasAgent(node: ClusterNode): boolean {
  const path = node.outerPath(AGENT_SOCKET);
  return path !== undefined && existsSync(path);
}
