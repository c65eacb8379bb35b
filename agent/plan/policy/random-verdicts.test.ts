import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { familyOf } from "../../net/address.ts";
import { changesOf, createTestEngine } from "../../testing/policy/cluster-changes.ts";
import { judgeNaively } from "../../testing/policy/naive-policy.ts";
import { GATEWAYS, HERE, OUTSIDE, randomCluster } from "../../testing/policy/random-cluster.ts";
import type { Probe, RawCluster } from "../../testing/policy/raw-objects.ts";
import { isThorough } from "../../testing/thorough.ts";
import { evaluateDirection } from "./evaluate/evaluate.ts";
import { explain } from "./evaluate/explain.ts";
import { DIRECTIONS } from "./model.ts";
import type { PolicyEngine } from "./state/policy-engine.ts";

/** So many times the runs: 10 for `npm run test:fuzz`, 400 for `npm run test:policy`. */
const FACTOR = Number(process.env["POLICY_FACTOR"] ?? (isThorough ? 10 : 1));

const PORTS: readonly Pick<Probe, "protocol" | "port">[] = [
  ...[53, 80, 81, 8000, 8001, 9999].map((port) => ({ protocol: "TCP", port }) as const),
  ...[53, 80, 8001].map((port) => ({ protocol: "UDP", port }) as const),
  { protocol: "SCTP", port: 80 },
  { protocol: 1, port: 0 },
];

/** Compares every packet from or to a pod of the node; answers their number. */
function compare(cluster: RawCluster, engine: PolicyEngine): number {
  const active = cluster.pods.filter(({ spec, status }) => !spec.hostNetwork && status.phase === "Running");
  const addressesOf = (pods: typeof active) =>
    pods.flatMap(({ status }) => status.podIPs.map(({ ip }) => ip));
  const own = addressesOf(active.filter(({ spec }) => spec.nodeName === HERE));
  const hosts = cluster.nodes.flatMap(({ status }) =>
    status.addresses.slice(1).map(({ address }) => address),
  );
  const others = [...addressesOf(active), ...OUTSIDE, ...GATEWAYS, ...hosts];
  let probes = 0;
  for (const pod of own)
    for (const other of others.filter((address) => familyOf(address) === familyOf(pod)))
      for (const ports of PORTS)
        for (const direction of DIRECTIONS) {
          const [source, destination] = direction === "ingress" ? [other, pod] : [pod, other];
          const probe = { source, destination, ...ports };
          const want = judgeNaively(cluster, probe, direction);
          probes += 1;
          if (evaluateDirection(engine.table, probe, direction).passes !== want)
            assert.fail(`the table differs: ${direction} ${JSON.stringify(probe)}, want ${want}`);
          // It walks all objects, which takes most of the time.
          if (probes % 4 === 0 && explain(engine, probe, direction).passes !== want)
            assert.fail(`the explanation differs: ${direction} ${JSON.stringify(probe)}, want ${want}`);
        }
  return probes;
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
