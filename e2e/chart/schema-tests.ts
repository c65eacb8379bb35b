import assert from "node:assert/strict";
import { test } from "node:test";
import type { Helm } from "./helm.ts";
import {
  isMonitoring,
  type KubernetesObject,
  openMonitoringModels,
  openSchema,
  parseObjects,
  SCHEMA_VERSIONS,
} from "./kubernetes-schema.ts";
import { VALUES_FILES } from "./values-files.ts";

const OLDEST = 30;
const NEWEST = 36;

/** Every rendered object, as API servers see it. */
export function testSchemas(helm: Helm): void {
  const render = async (): Promise<KubernetesObject[]> => {
    const texts = await Promise.all(VALUES_FILES.map(({ files }) => helm.template({ files })));
    return texts.flatMap(parseObjects);
  };

  for (let minor = OLDEST; minor <= NEWEST; minor++) {
    const version = `1.${minor}`;
    test(`Kubernetes ${version}, API objects: accepts those of every values file`, async () => {
      assert.ok(SCHEMA_VERSIONS.includes(version), `there is no schema of ${version}`);
      const faultsOf = openSchema(version);
      const objects = (await render()).filter((object) => !isMonitoring(object));
      assert.ok(objects.length > 100, `only ${objects.length} objects`);
      assert.deepEqual(objects.flatMap(faultsOf), []);
    });
  }

  test("the schema refuses a DaemonSet with a wrong type, an unknown key and a missing one", async () => {
    const object = (await render()).find(({ kind }) => kind === "DaemonSet");
    const text = JSON.stringify(object);
    const faultsOf = openSchema(`1.${NEWEST}`);
    for (const [right, wrong] of [
      ['"hostNetwork":true', '"hostNetwork":"true"'],
      ['"hostNetwork":true', '"hostNetworks":true'],
      ['"selector":', '"selectors":'],
    ] as const) {
      assert.ok(text.includes(right), text);
      assert.notDeepEqual(faultsOf(JSON.parse(text.replace(right, wrong)) as KubernetesObject), [], wrong);
    }
  });

  test("the Prometheus operator's types accept PodMonitor, ServiceMonitor and PrometheusRule", async () => {
    const check = await openMonitoringModels();
    const objects = (await render()).filter(isMonitoring);
    const kinds = new Set(objects.map(({ kind }) => kind));
    assert.deepEqual([...kinds].toSorted(), ["PodMonitor", "PrometheusRule", "ServiceMonitor"]);
    for (const object of objects) check(object);
    const [first] = objects;
    assert.throws(() => check({ ...first, spec: { selector: 1 } } as unknown as KubernetesObject));
  });

  test("no two objects of one rendering have the same name, and all have the chart's labels", async () => {
    for (const { name, files } of VALUES_FILES) {
      const objects = parseObjects(await helm.template({ files }));
      const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`);
      assert.equal(new Set(names).size, names.length, name);
      for (const { metadata } of objects) {
        assert.match(metadata.labels?.["app.kubernetes.io/name"] ?? "", /^(causeway|pod-network)(-test)?$/);
        assert.equal(metadata.labels?.["app.kubernetes.io/instance"], "causeway");
      }
    }
  });
}
