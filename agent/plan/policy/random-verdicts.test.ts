import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { changesOf, createTestEngine } from "../../testing/policy/cluster-changes.ts";
import { directedProbes } from "../../testing/policy/directed-probes.ts";
import { judgeNaively } from "../../testing/policy/naive-policy.ts";
import { randomCluster } from "../../testing/policy/random-cluster.ts";
import type { RawCluster } from "../../testing/policy/raw-objects.ts";
import { isThorough } from "../../testing/thorough.ts";
import { evaluateDirection } from "./evaluate/evaluate.ts";
import { explain } from "./evaluate/explain.ts";
import type { PolicyEngine } from "./state/policy-engine.ts";

/** So many times the runs: 10 for `npm run test:fuzz`, 400 for `npm run test:policy`. */
const FACTOR = Number(process.env["POLICY_FACTOR"] ?? (isThorough ? 10 : 1));

/** Compares every packet from or to a pod of the node; answers their number. */
function compare(cluster: RawCluster, engine: PolicyEngine): number {
  const probes = directedProbes(cluster);
  for (const [index, probe] of probes.entries()) {
    const { direction } = probe;
    const want = judgeNaively(cluster, probe, direction);
    if (evaluateDirection(engine.table, probe, direction).passes !== want)
      assert.fail(`the table differs: ${JSON.stringify(probe)}, want ${want}`);
    // It walks all objects, which takes most of the time.
    if (index % 4 === 3 && explain(engine, probe, direction).passes !== want)
      assert.fail(`the explanation differs: ${JSON.stringify(probe)}, want ${want}`);
  }
  return probes.length;
}

for (const { name, clusterPolicies, runs, least } of [
  { name: "NetworkPolicies", clusterPolicies: 0, runs: 15, least: 2000 },
  { name: "policies of all tiers", clusterPolicies: 5, runs: 65, least: 20_000 },
])
  test(`table and explanation of random ${name} agree with a naive evaluator`, () => {
    let probes = 0;
    fc.assert(
      fc.property(randomCluster(clusterPolicies), (cluster) => {
        const engine = createTestEngine();
        engine.apply([...changesOf(cluster).values()]);
        probes += compare(cluster, engine);
      }),
      { numRuns: runs * FACTOR },
    );
    assert.ok(probes >= least * FACTOR, `${probes} probes`);
  });
