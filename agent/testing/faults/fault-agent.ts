import { join } from "node:path";
import type { AgentProcess, TestNode } from "../agent/agent-process.ts";
import { FAULT_VARIABLE } from "./fault-order.ts";

/** Path of the node's file of fault orders. */
export function orderPath(node: Pick<TestNode, "folder">): string {
  return join(node.folder, "fault.json");
}

/** Starts an agent that obeys fault orders, with `environment` besides; it is not waited for. */
export function startFaultyAgent(
  node: TestNode,
  environment: Readonly<Record<string, string>> = {},
): AgentProcess {
  const preload = join(import.meta.dirname, "fault-preload.ts");
  const added = {
    ...environment,
    NODE_OPTIONS: `--import=${preload}`,
    [FAULT_VARIABLE]: orderPath(node),
  };
  // A process inherits the environment at the moment of its start: set for that moment only.
  const kept = Object.keys(added).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, added);
  try {
    return node.start("--standalone", "--nodes-file", node.nodesFile);
  } finally {
    for (const [name, value] of kept) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
