import assert from "node:assert/strict";
import { test } from "node:test";
import { leavingNothing, type NodeLab } from "../libcni/node-lab.ts";
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
    const { node, podman } = getLab();
    await leavingNothing(
      node,
      () => body({ node, podman }),
      async () => {
        await node.agent();
        await podman.removeAll();
      },
    );
  });
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
