import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import { familyOf } from "../../net/address.ts";
import { NETLINK_NETFILTER } from "../../netlink/nft/nft-generation.ts";
import { PROTOCOL_NUMBERS } from "../../plan/policy/compile/port-sets.ts";
import { evaluate } from "../../plan/policy/evaluate/evaluate.ts";
import { changesOf, createTestEngine } from "../../testing/policy/cluster-changes.ts";
import { judgeNaively } from "../../testing/policy/naive-policy.ts";
import { openProber } from "../../testing/policy/probe.ts";
import { GATEWAYS, HERE, OUTSIDE, randomCluster } from "../../testing/policy/random-cluster.ts";
import type { Probe, RawCluster } from "../../testing/policy/raw-objects.ts";
import { assertInsideTestNamespaces } from "../../testing/runner/privileged.ts";
import { loadNative } from "../socket/native.ts";
import { createNetlinkClient } from "../socket/netlink-client.ts";
import { createPolicyKernel } from "./linux-policy-kernel.ts";

assertInsideTestNamespaces();

/** So many times the clusters. */
const FACTOR = Number(process.env["POLICY_KERNEL_FACTOR"] ?? 1);
const CLUSTERS = 100;
const LEAST_PROBES = 30_000;

const PORTS: readonly Pick<Probe, "protocol" | "port">[] = [
  ...[53, 80, 81, 8000, 9999].map((port) => ({ protocol: "TCP", port }) as const),
  ...[53, 80].map((port) => ({ protocol: "UDP", port }) as const),
  { protocol: "SCTP", port: 80 },
  { protocol: 1, port: 0 },
];

const ICMPV6 = 58;

const netfilter = createNetlinkClient(loadNative(), NETLINK_NETFILTER);
after(() => netfilter.close());

/** Whoever talks or is talked to. */
function endsOf({ pods, nodes }: RawCluster): {
  readonly own: ReadonlySet<string>;
  readonly all: readonly string[];
} {
  const active = pods.filter(({ spec, status }) => !spec.hostNetwork && status.phase === "Running");
  const addressesOf = (some: typeof active): readonly string[] =>
    some.flatMap(({ status }) => status.podIPs.map(({ ip }) => ip));
  const hosts = nodes.flatMap(({ status }) => status.addresses.slice(1).map(({ address }) => address));
  return {
    own: new Set(addressesOf(active.filter(({ spec }) => spec.nodeName === HERE))),
    all: [...addressesOf(active), ...OUTSIDE, ...GATEWAYS, ...hosts],
  };
}

/** All packets from and to pods of the node. */
function probesOf(cluster: RawCluster): readonly Probe[] {
  const { own, all } = endsOf(cluster);
  return all.flatMap((source) =>
    all
      .filter((to) => familyOf(to) === familyOf(source) && (own.has(source) || own.has(to)))
      .flatMap((destination) => PORTS.map(({ protocol, port }) => ({ source, destination, protocol, port }))),
  );
}

function numberOf({ protocol, source }: Probe): number {
  if (typeof protocol !== "number") return PROTOCOL_NUMBERS[protocol];
  return familyOf(source) === 6 ? ICMPV6 : protocol;
}

test("packets of random clusters with policies of all tiers pass where the evaluator and a naive one say so", async (t) => {
  const prober = await openProber();
  let probed = 0;
  const property = fc.asyncProperty(randomCluster(5), async (cluster) => {
    const engine = createTestEngine();
    engine.apply([...changesOf(cluster).values()]);
    await createPolicyKernel({ netfilter }).ensure(engine.table);
    const probes = probesOf(cluster);
    const { own, all } = endsOf(cluster);
    const addresses = [...all];
    const found = await prober.probe({
      addresses,
      probes: probes.map((probe) => {
        const { source, destination, port } = probe;
        return [addresses.indexOf(source), addresses.indexOf(destination), numberOf(probe), port];
      }),
    });
    assert.equal(found.length, probes.length);
    for (const [index, probe] of probes.entries()) {
      // Pods of other nodes are theirs to judge.
      const naive =
        (!own.has(probe.source) || judgeNaively(cluster, probe, "egress")) &&
        (!own.has(probe.destination) || judgeNaively(cluster, probe, "ingress"));
      const got = { kernel: found[index] === "1", evaluator: evaluate(engine.table, probe).passes };
      assert.deepEqual(got, { kernel: naive, evaluator: naive }, JSON.stringify(probe));
    }
    probed += probes.length;
  });
  try {
    await fc.assert(property, { numRuns: CLUSTERS * FACTOR });
  } finally {
    await prober.close();
  }
  t.diagnostic(`${probed} probes`);
  assert.ok(probed >= LEAST_PROBES * FACTOR, `${probed} probes`);
});
