import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApiFault } from "../../testing/kube/api-faults.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { node, putNodes, setUpReflector, watching } from "../../testing/kube/set-up/reflector-setup.ts";
import { isThorough } from "../../testing/thorough.ts";

const HOUR_MS = 3_600_000;

/**
 * `answerMs`: until the agent gives an attempt up. `furtherMs`: what the server asks to wait above the
 * longest wait of our own.
 */
const outages: readonly {
  readonly name: string;
  readonly fault: ApiFault;
  readonly answerMs?: number;
  readonly furtherMs?: number;
}[] = [
  { name: "is down", fault: { kind: "reset" } },
  { name: "answers nothing", fault: { kind: "hang" }, answerMs: 180_000 },
  {
    name: "has lost its store",
    fault: { kind: "status", code: 500, reason: "InternalError", message: "etcd" },
  },
  {
    name: "is overloaded",
    fault: { kind: "status", code: 429, reason: "TooManyRequests", message: "slow down", retryAfterS: 60 },
    furtherMs: 45_000,
  },
  {
    name: "answers an empty list of another kind",
    fault: { kind: "body", code: 200, type: "application/json", body: '{"kind":"PodList","items":[]}\n' },
  },
  {
    name: "answers 64 KiB of garbage",
    fault: { kind: "body", code: 200, type: "application/json", body: "\u0000{".repeat(32_768) },
  },
];

/** Unit tests, which must be quick, see each outage with streaming lists or without, in turn. */
const isTaken = (index: number, form: number): boolean => isThorough || form === index % 2;
const cases = outages.flatMap((outage, index) =>
  (["served", "refused"] as const)
    .filter((_streaming, form) => isTaken(index, form))
    .map((streaming) => ({ outage, streaming })),
);

for (const { outage, streaming } of cases) {
  const { name, fault, answerMs, furtherMs } = outage;
  test(`createNodeReflector() keeps all nodes for an hour in which the server ${name}, asks seldom, says each fault once, and recovers (streaming lists ${streaming})`, async (t) => {
    const setup = await setUpReflector(t, { streaming, prepare: putNodes(3) });
    const { server, view, clock, log } = setup;
    await watching(setup);
    const before = { requests: server.requests.length, changes: setup.changes };
    for (const verb of ["list", "watch"] as const) server.setFault(verb, fault);
    server.endWatches("cut");
    await setup.retry();
    const beginMs = clock.nowMs();
    let asked = before.requests;
    while (clock.nowMs() - beginMs < HOUR_MS) {
      await eventually("the server is asked", () => server.requests.length > asked);
      asked = server.requests.length;
      if (answerMs !== undefined) await clock.advance(answerMs);
      await setup.retry();
      if (furtherMs !== undefined) await clock.advance(furtherMs);
    }

    assert.equal(view.isComplete(), true);
    assert.deepEqual([...view.nodes().keys()], ["node-1", "node-2", "node-3"]);
    assert.ok(
      setup.changes - before.changes <= 3,
      `told ${setup.changes - before.changes} times to look again`,
    );
    assert.notEqual(view.fault(), undefined);
    assert.deepEqual(log.messages("warn"), [...new Set(log.messages("warn"))], "each fault is said once");
    assert.ok(asked - before.requests <= HOUR_MS / 15_000, `${asked - before.requests} requests in an hour`);

    await setup.attemptEnd();
    for (const verb of ["list", "watch"] as const) server.setFault(verb, undefined);
    server.store.put(node(4));
    server.store.remove("node-1");
    await clock.advance(75_000);
    await eventually(
      "what changed meanwhile is known",
      () => view.nodes().has("node-4") && view.nodes().size === 3,
    );
    await watching(setup);
    assert.equal(view.fault(), undefined);
  });
}
