import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { V1DaemonSet } from "@kubernetes/client-node";
import { REPOSITORY } from "../lib/tools.ts";
import { CHART, installCauseway, NAMESPACE } from "./causeway.ts";
import type { Cluster } from "./cluster.ts";

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
