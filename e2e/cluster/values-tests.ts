import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { V1DaemonSet, V1Pod } from "@kubernetes/client-node";
import { REPOSITORY } from "../lib/tools.ts";
import { CHART, installCauseway, NAMESPACE } from "./causeway.ts";
import { waitFor } from "../lib/wait-for.ts";
import type { Cluster } from "./cluster.ts";
import type { KubeApi } from "./kube-api.ts";

/** What helm keeps of an operator's values; no node is needed for it. */
export function testValues(getCluster: () => Cluster): void {
  test("the last step of a migration, as docs/operations.md has it, takes the node selector away and keeps all other values", async () => {
    const cluster = getCluster();
    const [command, ...args] = migrationCommand();
    assert.equal(command, "helm");
    await installCauseway(cluster, "--set", "nodeSelector.network=causeway", "--set", "config.mtu=1400");
    assert.equal((await nodeSelector(cluster))["network"], "causeway");
    await cluster.helm(...args);
    assert.deepEqual(await nodeSelector(cluster), { "kubernetes.io/os": "linux" });
    // The next upgrade has nothing to take away any more.
    await installCauseway(cluster, "--reset-then-reuse-values");
    assert.deepEqual(await nodeSelector(cluster), { "kubernetes.io/os": "linux" });
    const values = await cluster.helm(
      "get",
      "values",
      "causeway",
      "--namespace",
      NAMESPACE,
      "--output",
      "json",
    );
    assert.deepEqual((JSON.parse(values) as { config: object }).config, { mtu: 1400 });
    const config = ["get", "configmap", "causeway", "--namespace", NAMESPACE, "--output", "yaml"];
    assert.match(await cluster.kubectl(config), /^ +mtu: 1400$/m);
  });
}

/** What the API server makes of the admission policy; nodes need not run for it. */
export function testAdmission(getCluster: () => Cluster): void {
  test("an agent may patch its key on the Node of its own pod, and nothing else of any Node", async () => {
    const cluster = getCluster();
    const { api } = cluster;
    await installCauseway(cluster, "--set", "config.encryption.type=wireguard");
    const nodes = ["of-the-agent", "another"] as const;
    for (const name of nodes)
      await api.create("/api/v1/nodes", {
        apiVersion: "v1",
        kind: "Node",
        metadata: { name, annotations: { "example.com/note": "kept" } },
      });
    const agent = await connectAsAgent(cluster, nodes[0]);
    const patch = (node: string, change: object): Promise<string> =>
      agent.patch(`/api/v1/nodes/${node}`, change).then(() => "done", String);
    const annotate = (key: string, value: string | null): object => ({
      metadata: { annotations: { [key]: value } },
    });
    const key = annotate("causeway.io/wireguard", "{}");
    await waitFor(
      "the policy to be in force",
      async () => /of its own pod alone/.test(await patch(nodes[1], key)) || undefined,
      { timeoutMs: 60_000, intervalMs: 200 },
    );
    assert.equal(await patch(nodes[0], key), "done");
    for (const change of [
      annotate("example.com/note", "changed"),
      annotate("example.com/note", null),
      annotate("example.com/more", "added"),
      { metadata: { labels: { role: "mine" } } },
      { metadata: { finalizers: ["example.com/stays"] } },
      { spec: { unschedulable: true } },
      { spec: { taints: [{ key: "example.com/mine", effect: "NoExecute" }] } },
    ])
      assert.match(
        await patch(nodes[0], change),
        /: 422: .*patches the annotation causeway.io\/wireguard alone/s,
      );
    assert.equal(await patch(nodes[0], annotate("causeway.io/wireguard", null)), "done");
    agent.close();
    await api.patch(`/api/v1/nodes/${nodes[0]}`, { metadata: { labels: { role: "administrators" } } });
    for (const name of nodes) await api.remove(`/api/v1/nodes/${name}`);
  });
}

/** As the agent whose pod is on a node. */
async function connectAsAgent({ api, controlPlane }: Cluster, nodeName: string): Promise<KubeApi> {
  const account = `/api/v1/namespaces/${NAMESPACE}`;
  const pod = await api.create<V1Pod>(`${account}/pods`, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "agent" },
    spec: { nodeName, serviceAccountName: "causeway", containers: [{ name: "agent", image: "none" }] },
  });
  const { name, uid } = pod.metadata ?? {};
  const boundObjectRef = { apiVersion: "v1", kind: "Pod", name, uid };
  const request = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { boundObjectRef } };
  const answer = await api.create<{ status: { token: string } }>(
    `${account}/serviceaccounts/causeway/token`,
    request,
  );
  return controlPlane.connectAs(answer.status.token);
}

/** The words of the documented command, with this chart and this namespace. */
function migrationCommand(): readonly string[] {
  const text = readFileSync(join(REPOSITORY, "docs", "operations.md"), "utf8");
  const [, command = ""] = /`(helm upgrade [^`]*nodeSelector\.network=null[^`]*)`/.exec(text) ?? [];
  return command.split(" ").map((word) => {
    if (word === "charts/causeway") return CHART;
    return word === "kube-system" ? NAMESPACE : word;
  });
}

async function nodeSelector({ api }: Cluster): Promise<Readonly<Record<string, string>>> {
  const path = `/apis/apps/v1/namespaces/${NAMESPACE}/daemonsets`;
  const [daemonSet] = await api.list<V1DaemonSet>(path);
  return daemonSet?.spec?.template.spec?.nodeSelector ?? {};
}
