import assert from "node:assert/strict";
import type { Agent } from "../lib/agent.ts";
import { countThrough } from "../lib/ask-agent.ts";
import { waitFor, waitUntilHolds } from "../lib/wait-for.ts";
import type { PodLab } from "./pod-lab.ts";

/** Everything on a node that a pod leaves a trace in while it lives. */
export interface NodeState {
  readonly links: readonly string[];
  readonly neighbours: readonly string[];
  readonly fdb: readonly string[];
  /** As the agent counts. */
  readonly counts: { readonly attachments: number; readonly addresses: number };
  /** Without what the agent keeps of netlink: see assertFewSockets(). */
  readonly agentOpenFiles: number;
}

/**
 * Observes the node; the agent runs. Left out is what the kernel keeps for multicast, and what it learns of
 * link-local addresses: a pod gets known by one as soon as it has solicited routers, about a second after its
 * start.
 */
export async function observeNode({ nodeView, agents, socket }: PodLab): Promise<NodeState> {
  const agent = await agents.ready();
  const counts = await countThrough(socket);
  const links = await nodeView.links();
  const neighbours = (await nodeView.neighbours("cw0")).filter(({ dst, state }) => {
    return !state.includes("NOARP") && !dst.startsWith("fe80:");
  });
  const fdb = (await nodeView.fdb("cw0")).filter(({ mac }) => !isMulticast(mac));
  return {
    links: links.map(({ ifname }) => ifname).toSorted(),
    neighbours: neighbours.map(({ dst, lladdr = "none" }) => `${dst} ${lladdr}`).toSorted(),
    fdb: fdb.map(({ mac, ifname }) => `${mac} ${ifname}`).toSorted(),
    counts,
    agentOpenFiles: await countSettledFiles(agent),
  };
}

/**
 * Waits until the node is as it was: deleting links and closing files may end shortly after the runtime has
 * its answer.
 */
export async function assertNodeIs(lab: PodLab, want: NodeState, timeoutMs = 3000): Promise<void> {
  const assertion = async (): Promise<void> => assert.deepEqual(await observeNode(lab), want);
  await waitUntilHolds("the node's state from before", assertion, { timeoutMs, intervalMs: 50 });
}

/** The connections of requests are closed a moment after their answers. */
async function countSettledFiles(agent: Agent): Promise<number> {
  const recent: number[] = [];
  const probe = (): number | undefined => {
    recent.push(agent.countOpenFiles().others);
    const last = recent.slice(-4);
    return last.length === 4 && last.every((count) => count === last[0]) ? last[0] : undefined;
  };
  return waitFor("a settled number of open files", probe, { timeoutMs: 5000, intervalMs: 15 });
}

/** The lowest bit of the first byte marks a group address (IEEE 802). */
function isMulticast(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}
