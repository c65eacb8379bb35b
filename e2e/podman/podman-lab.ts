import assert from "node:assert/strict";
import { test } from "node:test";
import { runCommand } from "../lib/command.ts";
import { waitUntilHolds } from "../lib/wait-for.ts";
import { type NodeLab, observeTraces } from "../libcni/node-lab.ts";
import type { CommandEnd, Container, Podman } from "./podman.ts";

/** A node with its agent, and podman in front of it. */
export interface PodmanLab {
  readonly node: NodeLab;
  readonly podman: Podman;
}

/** A test that begins with the agent ready, and leaves the node as it was once its containers are removed. */
export function testInLab(
  name: string,
  getLab: () => PodmanLab,
  body: (lab: PodmanLab) => Promise<void>,
): void {
  test(name, async () => {
    const lab = getLab();
    const before = await observeTraces(lab.node);
    try {
      await body(lab);
    } finally {
      await lab.node.agent();
      await lab.podman.removeAll();
    }
    await assertTraces(lab, before);
  });
}

/** The kernel may end a deletion shortly after podman has its answer. */
export async function assertTraces(
  { node }: PodmanLab,
  want: Awaited<ReturnType<typeof observeTraces>>,
): Promise<void> {
  const assertion = async (): Promise<void> => assert.deepEqual(await observeTraces(node), want);
  await waitUntilHolds("the node's traces from before", assertion, { timeoutMs: 3000, intervalMs: 50 });
}

export async function startContainer(
  { podman }: PodmanLab,
  name: string,
  options: readonly string[] = [],
): Promise<Container> {
  assertEnded(await podman.start(name, options));
  return podman.inspect(name);
}

export function assertEnded({ code, stdout, stderr }: CommandEnd): void {
  assert.equal(code, 0, `${stderr}${stdout}`);
}

/** Podman has failed, with these words in what it said. */
export function assertRefused({ code, stderr }: CommandEnd, ...words: readonly string[]): void {
  assert.notEqual(code, 0);
  for (const word of words) assert.ok(stderr.includes(word), `"${word}" is not in: ${stderr}`);
}

export async function ping(enter: readonly string[], address: string): Promise<void> {
  await runCommand([...enter, "ping", "-n", "-c", "2", "-i", "0.05", "-W", "2", address]);
}
