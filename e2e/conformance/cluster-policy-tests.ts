import assert from "node:assert/strict";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import packageJson from "../../package.json" with { type: "json" };
import type { Cluster } from "../cluster/cluster.ts";
import type { ConformanceTools } from "./conformance-tools.ts";
import { runGoTests } from "./run-go-tests.ts";

const FEATURES = ["ClusterNetworkPolicyNamedPorts", "ClusterNetworkPolicyEgressNodePeers"];

/** It takes a quarter of an hour: whoever is denied waits for three seconds. */
const PATIENCE_MS = 3_600_000;

/** Who the report is about. */
const IMPLEMENTATION = {
  organization: "causeway",
  project: "causeway",
  url: "https://github.com/causeway/causeway",
  version: packageJson.version,
  contact: "https://github.com/causeway/causeway/issues",
  "additional-info": "e2e/conformance",
};

interface Results {
  readonly result: string;
  readonly statistics: { readonly Passed: number; readonly Failed: number; readonly Skipped: number };
}

interface Report {
  readonly profiles: readonly { readonly standard: Results; readonly experimental: Results }[];
}

/**
 * The conformance tests of the Network Policy API, the standard channel and both features of the experimental
 * one that are implemented.
 */
export function testClusterPolicies(getCluster: () => Cluster, tools: ConformanceTools): void {
  test("ClusterNetworkPolicy passes the conformance tests of the Network Policy API", {
    timeout: PATIENCE_MS,
  }, async (t) => {
    const cluster = getCluster();
    const reportPath = join(cluster.folder, "conformance-report.yaml");
    const words = Object.entries(IMPLEMENTATION).map(([name, value]) => `--${name}=${value}`);
    const failed: string[] = [];
    const { code, log } = await runGoTests(cluster, {
      name: "cluster-network-policy",
      program: tools.clusterPolicyTests,
      args: [
        "-test.v",
        "-test.run=^TestConformanceProfiles$",
        "-test.timeout=60m",
        "--conformance-profiles=ClusterNetworkPolicy",
        `--supported-features=${FEATURES.join()}`,
        `--report-output=${reportPath}`,
        ...words,
      ],
      onLine: (line) => {
        const [, name] = /^\s*--- FAIL: (\S+)/.exec(line) ?? [];
        if (name !== undefined) failed.push(name);
      },
    });
    assert.deepEqual(failed, [], `see ${log}`);
    assert.equal(code, 0, `see ${log}`);
    const { CONFORMANCE_REPORT: wanted } = process.env;
    if (wanted !== undefined) copyFileSync(reportPath, wanted);
    const { profiles } = parse(readFileSync(reportPath, "utf8")) as Report;
    const [{ standard, experimental } = assert.fail("a report without a profile")] = profiles;
    for (const [channel, { result, statistics }] of Object.entries({ standard, experimental })) {
      t.diagnostic(`${channel}: ${JSON.stringify(statistics)}`);
      assert.equal(result, "success", channel);
      assert.ok(statistics.Passed > 0, channel);
    }
  });
}
