import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cluster } from "../cluster/cluster.ts";
import type { ConformanceTools } from "./conformance-tools.ts";
import { runGoTests } from "./run-go-tests.ts";

/** Fifty tests, each with nine pods of its own, take half an hour. */
const PATIENCE_MS = 3 * 3_600_000;

/** The tests of Kubernetes' own, `[sig-network] Netpol`, those of SCTP among them. */
export function testNetpol(getCluster: () => Cluster, tools: ConformanceTools): void {
  test("NetworkPolicy passes Kubernetes' own tests of it", { timeout: PATIENCE_MS }, async (t) => {
    const cluster = getCluster();
    const failed: string[] = [];
    let summary = "";
    const { code, log } = await runGoTests(cluster, {
      name: "netpol",
      program: tools.netpolTests,
      args: [
        `--kubeconfig=${cluster.controlPlane.kubeconfig}`,
        "--provider=skeleton",
        "--num-nodes=2",
        // Without a focus, tests of features are left out.
        "--ginkgo.focus=Netpol",
        "--dump-logs-on-failure=false",
        "-test.timeout=0",
        "--ginkgo.timeout=4h",
        "--ginkgo.no-color",
      ],
      onLine: (line) => {
        const [, name] = /^\s*\[FAIL\] (.*)/.exec(line) ?? [];
        if (name !== undefined) failed.push(name);
        if (/^(?:Ran|\S+!.*Passed) /.test(line)) summary += `${line} `;
      },
    });
    t.diagnostic(summary);
    assert.deepEqual([...new Set(failed)], [], `see ${log}`);
    assert.equal(code, 0, `see ${log}`);
    assert.match(summary, /Ran [1-9]\d* of/, `see ${log}`);
  });
}
