import assert from "node:assert/strict";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { copyReleasedChart } from "../lib/released-chart.ts";
import { waitUntilHolds } from "../lib/wait-for.ts";
import { installChart, uninstallCauseway } from "./causeway.ts";
import type { Cluster } from "./cluster.ts";
import { ApiError } from "./kube-api.ts";

const NAME = "clusternetworkpolicies.policy.networking.k8s.io";
const DEFINITION = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${NAME}`;
const POLICIES = "/apis/policy.networking.k8s.io/v1beta1/clusternetworkpolicies";
const FOLLOW = { timeoutMs: 30_000, intervalMs: 200 };

const POLICY = {
  apiVersion: "policy.networking.k8s.io/v1beta1",
  kind: "ClusterNetworkPolicy",
  metadata: { name: "quiet" },
  spec: {
    tier: "Admin",
    priority: 10,
    subject: { namespaces: {} },
    egress: [{ action: "Deny", to: [{ networks: ["192.0.2.0/24"] }] }],
  },
};

interface Definition {
  readonly metadata: { readonly uid: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** `crds.install` against a real API server, as a released chart has it; no node is needed. */
export function testCrds(getCluster: () => Cluster): void {
  describe("crds.install", () => {
    let chart: string;
    let file: string;
    before(async () => {
      chart = join(getCluster().folder, "released-chart");
      file = await copyReleasedChart(chart);
      await uninstallCauseway(getCluster());
    });
    const install = (...flags: readonly string[]): Promise<void> =>
      installChart(getCluster(), chart, ...flags);
    /** The UID of the definition, once it is served. */
    const served = async (): Promise<string> => {
      let uid = "";
      await waitUntilHolds(
        "the definition is served",
        async () => {
          const { metadata, status } = await getCluster().api.get<Definition>(DEFINITION);
          const established = status.conditions?.find(({ type }) => type === "Established");
          assert.equal(established?.status, "True");
          ({ uid } = metadata);
          await getCluster().api.list(POLICIES);
        },
        FOLLOW,
      );
      return uid;
    };
    const names = async (): Promise<readonly string[]> =>
      (await getCluster().api.list<typeof POLICY>(POLICIES)).map(({ metadata }) => metadata.name);
    const isAbsent = async (): Promise<void> => {
      const answer = await getCluster()
        .api.get(DEFINITION)
        .catch((error: unknown) => error);
      assert.ok(answer instanceof ApiError && answer.status === 404);
    };

    test("without it no definition comes; with it one that takes policies, and refuses what is none", async () => {
      const { api } = getCluster();
      await install();
      await isAbsent();
      await install("--set", "crds.install=true");
      await served();
      await api.create(POLICIES, POLICY);
      const older = POLICIES.replace("v1beta1", "v1alpha2");
      assert.equal((await api.list(older)).length, 1, "v1alpha2 is served, too");
      const wrong = { ...POLICY, metadata: { name: "wrong" }, spec: { ...POLICY.spec, priority: 1001 } };
      await assert.rejects(api.create(POLICIES, wrong), ({ status }: ApiError) => status === 422);
    });

    test("an upgrade changes it in place; it stays, with its policies, when the value or the chart goes", async () => {
      const uid = await served();
      await install("--set", "crds.install=true", "--set", "commonAnnotations.team=net");
      const { metadata } = await getCluster().api.get<Definition>(DEFINITION);
      assert.equal(metadata.annotations?.["team"], "net");
      await install("--set", "crds.install=false");
      assert.equal(await served(), uid);
      await install("--set", "crds.install=true");
      assert.equal(await served(), uid, "its own is taken over");
      await uninstallCauseway(getCluster());
      assert.equal(await served(), uid);
      assert.deepEqual(await names(), ["quiet"]);
      await install("--set", "crds.install=true");
      assert.equal(await served(), uid, "by a new installation, too");
      assert.deepEqual(await names(), ["quiet"]);
    });

    test("helm refuses to take over a definition that is somebody else's, and leaves it as it is", async () => {
      const { api, kubectl } = getCluster();
      await uninstallCauseway(getCluster());
      await api.remove(DEFINITION);
      await waitUntilHolds("the definition is gone", isAbsent, FOLLOW);
      await kubectl(["apply", "--server-side", "--filename", file]);
      const uid = await served();
      await assert.rejects(
        install("--set", "crds.install=true"),
        /cannot be imported into the current release/,
      );
      assert.equal(await served(), uid);
      await install("--set", "crds.install=false");
      await uninstallCauseway(getCluster());
      assert.equal(await served(), uid);
      await api.remove(DEFINITION);
    });
  });
}
