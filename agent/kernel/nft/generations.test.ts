import assert from "node:assert/strict";
import { test } from "node:test";
import { createGenerations, type Generations, type TableGeneration } from "./generations.ts";

interface Setup {
  readonly generations: Generations;
  readonly main: TableGeneration;
  readonly policy: TableGeneration;
}

/** Both tables were seen at generation 10. */
function seenAt10(): Setup {
  const generations = createGenerations();
  const setup = {
    generations,
    main: generations.open("causeway"),
    policy: generations.open("causeway-policy"),
  };
  setup.main.look()(10);
  setup.policy.look()(10);
  return setup;
}

const others = (generation: number, ...tables: readonly string[]) => {
  return { generation, isOwn: false, tables: new Set(tables) };
};
const ours = (generation: number) => ({ generation, isOwn: true, tables: new Set<string>() });

test("a transaction of ours makes no table stale, whether the kernel has told of it yet or not", () => {
  const { generations, main, policy } = seenAt10();
  generations.advance();
  assert.deepEqual([main.expected(), policy.expected()], [11, 11]);
  generations.notice(ours(11));
  assert.deepEqual([main.expected(), policy.expected()], [11, 11]);
  generations.notice(ours(12));
  generations.advance();
  assert.deepEqual([main.expected(), policy.expected()], [12, 12]);
});

test("a transaction of others makes stale what it touches, and that alone", () => {
  const { generations, main, policy } = seenAt10();
  generations.notice(others(11, "kube-proxy"));
  generations.notice(others(12, "causeway"));
  generations.notice(others(13, "kube-proxy"));
  assert.equal(policy.expected(), 13);
  assert.equal(main.expected(), 11, "not what the kernel has");
  generations.advance();
  generations.notice(ours(14));
  assert.equal(policy.expected(), 14);
  assert.equal(main.expected(), 12, "never again what the kernel has");
  main.look()(14);
  assert.deepEqual([main.expected(), policy.expected()], [14, 14]);
});

test("what was made before the tables were seen, and is told of afterwards, counts once", () => {
  const { generations, policy } = seenAt10();
  generations.advance();
  const seen = policy.look();
  generations.advance();
  seen(11);
  assert.equal(policy.expected(), 12);
  generations.notice(ours(11));
  assert.equal(policy.expected(), 12);
  generations.notice(ours(12));
  assert.equal(policy.expected(), 12);
});

test("a transaction that the kernel has told of before the look at the tables has ended counts", () => {
  const { generations, policy } = seenAt10();
  policy.distrust();
  const seen = policy.look();
  generations.notice(ours(11));
  generations.advance();
  generations.notice(others(12, "kube-proxy"));
  seen(10);
  assert.equal(policy.expected(), 12);
  generations.notice(others(13, "causeway-policy"));
  assert.equal(policy.expected(), 12, "not what the kernel has");
});

test("a transaction that nobody has told of yet makes all tables be looked at, until it is", () => {
  const { generations, policy } = seenAt10();
  generations.advance();
  assert.equal(policy.expected(), 11, "the kernel has 12");
  generations.notice(others(11, "kube-proxy"));
  assert.equal(policy.expected(), 12);
  generations.notice(ours(12));
  assert.equal(policy.expected(), 12);
});

test("tables that were not seen, or are distrusted, are at no generation", () => {
  const { generations, main, policy } = seenAt10();
  policy.distrust();
  generations.advance();
  generations.notice(others(11));
  assert.deepEqual([main.expected() > 0, policy.expected()], [true, 0]);
  assert.equal(generations.open("third").expected(), 0);
});

test("generations go on behind the last one without 0", () => {
  const { generations, policy } = seenAt10();
  policy.look()(0xffff_ffff);
  generations.notice(others(1));
  assert.equal(policy.expected(), 1);
});
