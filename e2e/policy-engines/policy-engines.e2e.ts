import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import type { PolicyTable } from "../../agent/plan/policy/compile/policy-table.ts";
import { evaluateDirection } from "../../agent/plan/policy/evaluate/evaluate.ts";
import { changesOf, createTestEngine } from "../../agent/testing/policy/cluster-changes.ts";
import { directedProbes } from "../../agent/testing/policy/directed-probes.ts";
import { judgeNaively } from "../../agent/testing/policy/naive-policy.ts";
import { randomCluster } from "../../agent/testing/policy/random-cluster.ts";
import type { RawCluster } from "../../agent/testing/policy/raw-objects.ts";
import { asServed, withoutKnownDifferences } from "./comparable-cluster.ts";
import { KNOWN_DIFFERENCES } from "./known-differences.ts";
import { startOtherEngine } from "./other-engine.ts";

const CLUSTERS = 1000;
const LEAST_PROBES = 300_000;
/** Of all probes: those that pass, and those that do not. */
const LEAST_SHARE = 0.1;

const other = startOtherEngine(process.env["POLICY_ENGINE"] ?? assert.fail("start the tests with run.sh"));
after(() => other[Symbol.asyncDispose]());

test("kube-network-policies lets the same packets of random clusters pass as our table and a naive evaluator", async (t) => {
  let probed = 0;
  let passed = 0;
  const property = fc.asyncProperty(randomCluster(5).map(comparable), async (cluster) => {
    const table = tableOf(cluster);
    // Its engine is not asked about what a pod sends to itself, which never leaves the pod.
    const probes = directedProbes(cluster).filter(({ source, destination }) => source !== destination);
    const theirs = await other.judge(cluster, probes);
    assert.equal(theirs.length, probes.length);
    for (const [index, probe] of probes.entries()) {
      const naive = judgeNaively(cluster, probe, probe.direction);
      const got = {
        theirs: theirs[index] === "1",
        ours: evaluateDirection(table, probe, probe.direction).passes,
      };
      if (got.theirs !== naive || got.ours !== naive)
        assert.deepEqual(got, { theirs: naive, ours: naive }, JSON.stringify(probe));
      if (naive) passed += 1;
    }
    probed += probes.length;
  });
  await fc.assert(property, { numRuns: CLUSTERS });
  t.diagnostic(`${probed} probes of ${CLUSTERS} clusters, of which ${passed} pass`);
  assert.ok(probed >= LEAST_PROBES, `${probed} probes`);
  const share = passed / probed;
  assert.ok(share > LEAST_SHARE && share < 1 - LEAST_SHARE, `${passed} of ${probed} pass`);
});

for (const { name, cluster, probe, passes } of KNOWN_DIFFERENCES)
  test(`kube-network-policies differs as known: ${name}`, async () => {
    const ours = evaluateDirection(tableOf(cluster), probe, probe.direction).passes;
    const theirs = (await other.judge(cluster, [probe])) === "1";
    assert.deepEqual({ ours, theirs }, { ours: passes, theirs: !passes });
  });

function tableOf(cluster: RawCluster): PolicyTable {
  const engine = createTestEngine();
  engine.apply([...changesOf(cluster).values()]);
  return engine.table;
}

function comparable(cluster: RawCluster): RawCluster {
  return withoutKnownDifferences(asServed(cluster));
}
