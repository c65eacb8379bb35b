import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { copyChart, copyReleasedChart } from "../lib/released-chart.ts";
import { type Helm, openHelm } from "./helm.ts";
import { type KubernetesObject, openSchema, parseObjects } from "./kubernetes-schema.ts";

const INSTALL = "crds.install=true";

/** `crds.install`, with copies of the chart as the repository has it, and as `deploy/add-crds.sh` makes it. */
export function testCrds(helmFolder: string): void {
  const folder = mkdtempSync(join(tmpdir(), "causeway-chart-"));
  let plain: Helm;
  let released: Helm;
  before(async () => {
    const charts = { plain: join(folder, "plain"), released: join(folder, "released") };
    copyChart(charts.plain);
    await copyReleasedChart(charts.released);
    plain = await openHelm(helmFolder, charts.plain);
    released = await openHelm(helmFolder, charts.released);
  });
  after(() => {
    plain.close();
    released.close();
    rmSync(folder, { recursive: true });
  });
  const crdsOf = async (set: readonly string[]): Promise<KubernetesObject[]> =>
    parseObjects(await released.template({ set })).filter(({ kind }) => kind === "CustomResourceDefinition");

  test("crds.install brings the definition of ClusterNetworkPolicy, which stays when the chart goes", async () => {
    const [crd, ...more] = await crdsOf([INSTALL, 'commonAnnotations={"team":"net"}']);
    assert.ok(crd !== undefined && more.length === 0);
    assert.deepEqual(openSchema("1.36")(crd), []);
    const { name, annotations = {}, labels = {} } = crd.metadata;
    assert.equal(name, "clusternetworkpolicies.policy.networking.k8s.io");
    assert.equal(annotations["helm.sh/resource-policy"], "keep");
    assert.equal(annotations["policy.networking.k8s.io/channel"], "standard");
    assert.equal(annotations["team"], "net");
    // Without it no API server takes a definition of a group of Kubernetes' own.
    assert.match(annotations["api-approved.kubernetes.io"] ?? "", /^https:/);
    assert.equal(labels["app.kubernetes.io/managed-by"], "Helm");
    const { versions } = (crd as unknown as { spec: { versions: { name: string; served: boolean }[] } }).spec;
    assert.ok(versions.some((version) => version.name === "v1beta1" && version.served));
  });

  test("no definition comes unless the values say so", async () => {
    assert.deepEqual(await crdsOf([]), []);
  });

  test("crds.install of a chart that has no definition is refused, with the remedy", async () => {
    const told = await plain.refuse({ set: [INSTALL] });
    assert.match(told, /crds\.install needs files\/clusternetworkpolicies\.yaml .* deploy\/add-crds\.sh/);
  });
}
