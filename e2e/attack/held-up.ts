import assert from "node:assert/strict";
import type { LabNode } from "../nodes/cluster-lab.ts";
import { attachPod } from "../nodes/lab-pod.ts";
import type { AttackLab } from "./attack-lab.ts";

const CALLS = 11;

/**
 * What keeps one of the machine's CPUs busy makes everything else slower; what waits for it takes a hundred
 * times as long.
 */
const SLOWER_AT_MOST = 8;

/** Median of the time of an ADD, a probe and a DEL, one after the other; all of them must succeed. */
async function timeCalls({ bystander }: AttackLab, node: LabNode): Promise<number> {
  const times: number[] = [];
  for (let call = 0; call < CALLS; call++) {
    const startMs = performance.now();
    const pod = await attachPod(node, { name: `${bystander.netns.name}-timed` });
    assert.equal((await node.agent().get("/healthz")).status, 200);
    await pod.remove();
    times.push(performance.now() - startMs);
  }
  return times.toSorted((a, b) => a - b)[(CALLS - 1) / 2] ?? Number.NaN;
}

/**
 * Compares how long pods take while something goes on with how long they take before; `begin` starts it, and
 * gives what ends it.
 */
export async function assertNotHeldUp(
  lab: AttackLab,
  node: LabNode,
  begin: () => Promise<() => Promise<void>>,
): Promise<void> {
  const quiet = await timeCalls(lab, node);
  const end = await begin();
  try {
    const meanwhile = await timeCalls(lab, node);
    assert.ok(
      meanwhile < SLOWER_AT_MOST * quiet,
      `${Math.round(meanwhile)} ms against ${Math.round(quiet)} ms`,
    );
  } finally {
    await end();
  }
}
