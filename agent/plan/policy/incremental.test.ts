import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { changesOf, createTestEngine, removalOf } from "../../testing/policy/cluster-changes.ts";
import { randomCluster } from "../../testing/policy/random-cluster.ts";
import type { RawCluster } from "../../testing/policy/raw-objects.ts";
import { contentOf, createTableMirror } from "../../testing/policy/table-mirror.ts";
import { isThorough } from "../../testing/thorough.ts";
import { diffTables } from "./state/diff-tables.ts";
import type { ObjectChange } from "./state/objects/object-change.ts";
import type { PolicyEngine } from "./state/policy-engine.ts";

/** 10 times as many with `npm run test:fuzz`, 400 times with `npm run test:policy`. */
const RUNS = 15 * Number(process.env["POLICY_FACTOR"] ?? (isThorough ? 10 : 1));

const clusters = fc.array(randomCluster(3), { minLength: 2, maxLength: 3 });

function engineOf(cluster: RawCluster): PolicyEngine {
  const engine = createTestEngine();
  engine.apply([...changesOf(cluster).values()]);
  return engine;
}

/** From one cluster to the next: what is gone, and what came or is another. */
function steps(
  before: ReadonlyMap<string, ObjectChange>,
  after: ReadonlyMap<string, ObjectChange>,
): readonly ObjectChange[] {
  const gone = [...before].filter(([name]) => !after.has(name)).map(([, change]) => removalOf(change));
  return [...gone, ...after.values()];
}

/** In any order, in lots of any size. */
function lots(
  list: readonly ObjectChange[],
  order: readonly number[],
  sizes: readonly number[],
): readonly ObjectChange[][] {
  const shuffled = list
    .map((change, index) => ({ change, rank: order[index % order.length] ?? 0 }))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ change }) => change);
  const parts: ObjectChange[][] = [];
  for (let start = 0, lot = 0; start < shuffled.length; lot++) {
    const size = sizes[lot % sizes.length] ?? 1;
    parts.push(shuffled.slice(start, start + size));
    start += size;
  }
  return parts;
}

test("objects that come, change and go in any order lead to the table of a fresh compilation, by steps that the kernel takes", () => {
  const ranks = fc.array(fc.nat(1000), { minLength: 1, maxLength: 40 });
  const sizes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(clusters, ranks, sizes, (states, order, size) => {
      const engine = createTestEngine();
      const mirror = createTableMirror();
      let before: ReadonlyMap<string, ObjectChange> = new Map();
      for (const cluster of states) {
        const after = changesOf(cluster);
        for (const lot of lots(steps(before, after), order, size)) {
          mirror.apply(engine.apply(lot));
          assert.deepEqual(contentOf(mirror.table), contentOf(engine.table));
        }
        assert.deepEqual(contentOf(engine.table), contentOf(engineOf(cluster).table));
        before = after;
      }
      mirror.apply(engine.apply([...before.values()].map(removalOf)));
      assert.deepEqual(contentOf(engine.table), contentOf(createTestEngine().table), "nothing stays");
      assert.equal(engine.lists.size, 0);
    }),
    { numRuns: RUNS },
  );
});

test("what is done bit by bit, held or not, leads there, too, by steps that the kernel takes", () => {
  const bits = fc.array(fc.record({ looks: fc.integer({ min: 1, max: 40 }), isHeld: fc.boolean() }), {
    minLength: 1,
    maxLength: 9,
  });
  fc.assert(
    fc.property(clusters, bits, fc.integer({ min: 1, max: 60 }), (states, turns, size) => {
      const engine = createTestEngine();
      const mirror = createTableMirror();
      let turn = 0;
      const advance = (isHeld?: boolean): void => {
        const { looks, isHeld: mayBeHeld } = turns[turn++ % turns.length] ?? { looks: 1, isHeld: false };
        engine.advance(looks);
        mirror.apply(engine.collect(isHeld ?? mayBeHeld));
        assert.deepEqual(contentOf(mirror.table), contentOf(engine.table));
      };
      const settle = (): void => {
        while (!engine.isSettled()) advance(false);
      };
      let before: ReadonlyMap<string, ObjectChange> = new Map();
      for (const [index, cluster] of states.entries()) {
        const after = changesOf(cluster);
        for (const lot of lots(steps(before, after), [index], [size])) {
          engine.take(lot);
          advance();
        }
        if (index % 2 === 0) settle();
        before = after;
      }
      settle();
      assert.deepEqual(contentOf(engine.table), contentOf(engineOf(states.at(-1) ?? assert.fail()).table));
      engine.take([...before.values()].map(removalOf));
      settle();
      assert.deepEqual(contentOf(engine.table), contentOf(createTestEngine().table), "nothing stays");
      assert.equal(engine.lists.size, 0);
    }),
    { numRuns: RUNS },
  );
});

test("diffTables() leads from any table to any other by steps that the kernel takes", () => {
  fc.assert(
    fc.property(randomCluster(3), randomCluster(3), (a, b) => {
      const [one, other] = [engineOf(a), engineOf(b)];
      const mirror = createTableMirror();
      for (const { table } of [one, other]) {
        mirror.apply(diffTables(mirror.table, table));
        assert.deepEqual(contentOf(mirror.table), contentOf(table));
      }
    }),
    { numRuns: RUNS },
  );
});
