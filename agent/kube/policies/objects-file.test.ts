import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { stringify } from "yaml";
import { systemClock } from "../../lib/clock.ts";
import type { ObjectChange } from "../../plan/policy/state/objects/object-change.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { formatObjects } from "../../testing/kube/format-objects.ts";
import { createRecordingLog } from "../../testing/recording-log.ts";
import { isThorough } from "../../testing/thorough.ts";
import { createObjectsReader, watchObjectsFile } from "./objects-file.ts";
import { assertShortTurns } from "../../testing/turn-clock.ts";

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

/** 1,000 namespaces, 10,000 pods and 10,000 policies; a tenth of that where there is less time. */
const LARGE = isThorough ? 1000 : 100;

function largeObjects(namespaces: number): readonly object[] {
  const policy = (index: number): object => ({
    podSelector: { matchLabels: { app: `app-${index}` } },
    ingress: [{ from: [{ podSelector: { matchLabels: { app: "front" } } }], ports: [{ port: 80 }] }],
  });
  return Array.from({ length: namespaces }, (_, namespace) => [
    { kind: "Namespace", metadata: { name: `n${namespace}` } },
    ...Array.from({ length: 10 }, (_pod, index) => [
      {
        kind: "Pod",
        metadata: { namespace: `n${namespace}`, name: `p${index}`, labels: { app: `app-${index}` } },
        spec: { nodeName: `node-${index}`, containers: [{ ports: [{ containerPort: 80 }] }] },
        status: { phase: "Running", podIPs: [{ ip: `10.${namespace >> 8}.${namespace & 255}.${index}` }] },
      },
      {
        kind: "NetworkPolicy",
        metadata: { namespace: `n${namespace}`, name: `p${index}` },
        spec: policy(index),
      },
    ]).flat(),
  ]).flat();
}

for (const { name, namespaces, format } of [
  { name: "a stream of YAML", namespaces: LARGE, format: formatObjects },
  {
    name: "a stream of YAML in blocks",
    namespaces: LARGE / 4, // Each of them takes ten times as long to read.
    format: (objects: readonly object[]) => objects.map((object) => stringify(object)).join("---\n"),
  },
  {
    name: "a List in JSON",
    namespaces: LARGE,
    format: (items: readonly object[]) => JSON.stringify({ kind: "List", items }),
  },
]) {
  const text = format(largeObjects(namespaces));
  test(`an objects file of ${namespaces * 21} objects keeps nothing else waiting: ${name}`, () =>
    assertShortTurns(() => async (breathe) => {
      const reader = createObjectsReader("node-1", breathe);
      const first = await reader.read(text);
      await breathe();
      const again = await reader.read(text.replaceAll("app-7", "app-new"));
      await breathe();
      assert.ok("changes" in first && "changes" in again);
      assert.deepEqual([first.changes.length, again.changes.length], [namespaces * 21, namespaces * 2]);
    }));
}

test("a fault in one document of many is told with the number of the document and the line of the file", async () => {
  const reader = createObjectsReader("node-1", () => Promise.resolve());
  const text =
    "# objects\n---\nkind: Namespace\nmetadata: {name: a}\n---\nkind: Namespace\nmetadata: {name: [\n---\n";
  const read = await reader.read(text);
  assert.ok("faults" in read);
  assert.match(read.faults.join("; "), /^document 2 is not YAML: .* at line [78], column/);
});

test("an objects file with directives, or with documents that end by dots, is read as YAML wants it", async () => {
  const reader = createObjectsReader("node-1", () => Promise.resolve());
  const one = (name: string): string => `kind: Namespace\nmetadata: {name: ${name}}\n`;
  for (const text of [
    `%YAML 1.2\n---\n${one("a")}---\n${one("b")}`,
    `${one("c")}...\n${one("d")}--- \n${one("e")}`,
  ]) {
    const read = await reader.read(text);
    assert.ok("changes" in read, JSON.stringify(read));
  }
  assert.equal(reader.size(), 3);
});

test("a namespace that pods of the file are in, and that it has no object of, has its name as a label", async () => {
  const reader = createObjectsReader("node-1", () => Promise.resolve());
  const pod = { kind: "Pod", metadata: { name: "web", namespace: "shop" } };
  const first = await reader.read(formatObjects([pod]));
  assert.ok("changes" in first);
  const [namespace] = first.changes;
  assert.ok(namespace?.kind === "namespace");
  assert.deepEqual(namespace.namespace?.labels, ["kubernetes.io/metadata.name", "shop"]);
  assert.equal(reader.size(), 1);
  const own = { kind: "Namespace", metadata: { name: "shop", labels: { stage: "live" } } };
  const second = await reader.read(formatObjects([pod, own]));
  assert.ok("changes" in second && second.changes[0]?.kind === "namespace");
  assert.deepEqual(second.changes[0].namespace?.labels, ["stage", "live"]);
  assert.equal(second.changes.length, 1);
});
