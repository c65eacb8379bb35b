import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../lib/clock.ts";
import type { ObjectChange } from "../../plan/policy/state/objects/object-change.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { createRecordingLog } from "../../testing/recording-log.ts";
import { watchObjectsFile } from "./objects-file.ts";

const OBJECTS = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: a}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: node-1}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed}
spec: {podSelector: {}}
---
`;

function setUp(t: TestContext, text: string) {
  const folder = mkdtempSync(join(tmpdir(), "causeway-objects-"));
  const path = join(folder, "objects.yaml");
  const changes: ObjectChange[] = [];
  const write = (content: string): void => writeFileSync(path, content);
  write(text);
  const source = watchObjectsFile({
    path,
    nodeName: "node-1",
    log: createRecordingLog(),
    clock: systemClock,
    onChange: (heard) => changes.push(...heard),
  });
  t.after(async () => {
    await source.close();
    rmSync(folder, { recursive: true });
  });
  const kinds = (): string[] => changes.splice(0).map(({ kind }) => kind);
  return { source, changes, kinds, write };
}

test("an objects file gives namespaces, pods and policies, in the namespace default where it names none", async (t) => {
  const { source, changes } = setUp(t, OBJECTS);
  assert.equal(source.isComplete(), false);
  await eventually("it is read", () => source.isComplete(), source.faults);
  const [namespace, pod, policy] = changes;
  assert.ok(namespace?.kind === "namespace" && pod?.kind === "pod" && policy?.kind === "policy");
  assert.equal(namespace.name, "shop");
  assert.deepEqual([pod.namespace, pod.name, pod.pod?.node], ["shop", "web", "node-1"]);
  assert.deepEqual(policy.name, { kind: "NetworkPolicy", name: "closed", namespace: "default" });
});

test("an objects file that changes tells the difference", async (t) => {
  const { source, kinds, write } = setUp(t, OBJECTS);
  await eventually("it is read", () => source.isComplete());
  kinds();
  write(OBJECTS.replace("app: web", "app: api"));
  let heard: string[] = [];
  await eventually("the pod is another", () => (heard = [...heard, ...kinds()]).length > 0);
  assert.deepEqual(heard, ["pod"]);
  write("---\n");
  await eventually("all are gone", () => (heard = [...heard, ...kinds()]).length === 4);
});

for (const { name, text, fault } of [
  { name: "that is empty, as while it is written", text: "", fault: /it is empty/ },
  { name: "that is no YAML", text: "a: [", fault: /document 1 is not YAML/ },
  {
    name: "with another kind",
    text: `${OBJECTS}kind: Service\n`,
    fault: /document 4: kind "Service" is not one of/,
  },
  { name: "with an object twice", text: `${OBJECTS}${OBJECTS}`, fault: /namespace "shop" is there twice/ },
  { name: "with an object without name", text: "kind: Pod\n", fault: /it has no name/ },
]) {
  test(`an objects file ${name} changes nothing, and is told`, async (t) => {
    const { source, kinds, write } = setUp(t, OBJECTS);
    await eventually("it is read", () => source.isComplete());
    kinds();
    write(text);
    await eventually(
      "the fault is told",
      () => source.faults().some((each) => fault.test(each)),
      source.faults,
    );
    assert.deepEqual(kinds(), []);
  });
}

test("an objects file takes a List, as kubectl prints it", async (t) => {
  const list = { kind: "List", items: [{ kind: "Namespace", metadata: { name: "a" } }] };
  const { source, kinds } = setUp(t, JSON.stringify(list));
  await eventually("it is read", () => source.isComplete(), source.faults);
  assert.deepEqual(kinds(), ["namespace"]);
});
