import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { NETLINK_NETFILTER } from "../../netlink/nft/nft-generation.ts";
import { podMapOf, type PolicyTable } from "../../plan/policy/compile/policy-table.ts";
import { PROTOCOL_NUMBERS } from "../../plan/policy/compile/port-sets.ts";
import { DIRECTIONS, type Direction } from "../../plan/policy/model.ts";
import { forgetConnections } from "../../testing/policy/forget-connections.ts";
import { openProber, type Prober, type ProbeRequest } from "../../testing/policy/probe.ts";
import { endsOf, engineOf, isAsked, readVectors, type Vector } from "../../testing/policy/vectors.ts";
import { assertInsideTestNamespaces } from "../../testing/runner/privileged.ts";
import { loadNative } from "../socket/native.ts";
import { createNetlinkClient } from "../socket/netlink-client.ts";
import { createPolicyKernel } from "./linux-policy-kernel.ts";

assertInsideTestNamespaces();
const netfilter = createNetlinkClient(loadNative(), NETLINK_NETFILTER);
const kernel = createPolicyKernel({ netfilter });
let prober: Prober | undefined;

before(async () => {
  prober = await openProber();
});

after(async () => {
  netfilter.close();
  await prober?.close();
});

/** As if no policy said anything of the other direction. */
function oneDirection(table: PolicyTable, direction: Direction): PolicyTable {
  const other = direction === "ingress" ? "egress" : "ingress";
  return { ...table, pods: { ...table.pods, [podMapOf(other, 4)]: new Map() } };
}

/** All that is asked of a vector, port after port. */
function requestOf(vector: Vector): ProbeRequest {
  const addresses = endsOf(vector);
  const probes = vector.ports.flatMap(([protocol, port]) =>
    addresses.flatMap((_source, from) =>
      addresses.flatMap((_destination, to) =>
        isAsked(vector, from, to) ? [[from, to, PROTOCOL_NUMBERS[protocol], port] as const] : [],
      ),
    ),
  );
  return { addresses, probes };
}

for (const { file, least } of [
  { file: "random.jsonl.gz", least: 1_000_000 },
  { file: "scenarios.jsonl.gz", least: 100_000 },
])
  test(`packets fare in the kernel as the truth tables of ${file} say`, async (context) => {
    let verdicts = 0;
    let spent = 0;
    for (const vector of readVectors(file)) {
      const { table } = engineOf(vector);
      const request = requestOf(vector);
      for (const direction of DIRECTIONS) {
        await kernel.ensure(oneDirection(table, direction));
        await forgetConnections(netfilter);
        const start = performance.now();
        const found = (await prober?.probe(request)) ?? assert.fail();
        spent += performance.now() - start;
        assert.equal(found, vector[direction].join("").replaceAll(".", ""), direction);
        verdicts += found.length;
      }
    }
    assert.ok(verdicts > least, `${verdicts} verdicts`);
    context.diagnostic(`${verdicts} packets, ${((spent * 1000) / verdicts).toFixed(1)} µs each`);
  });
