import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFieldSelector, parseLabelSelector } from "./selectors.ts";

const POD = {
  metadata: { name: "one", labels: { app: "web", "example.com/tier": "" } },
  spec: { nodeName: "node-1" },
};

for (const { selector, holds } of [
  { selector: "app=web", holds: true },
  { selector: "app==web,example.com/tier", holds: true },
  { selector: "app = db", holds: false },
  { selector: "app!=db,other!=x", holds: true },
  { selector: "app in (db, web)", holds: true },
  { selector: "app notin (db,web)", holds: false },
  { selector: "other notin (db)", holds: true },
  { selector: "!app", holds: false },
  { selector: "!other,app", holds: true },
  { selector: "example.com/tier=", holds: true },
]) {
  test(`parseLabelSelector() holds "${selector}" as API servers do`, () =>
    assert.equal(parseLabelSelector(selector)(POD), holds));
}

for (const { selector, holds } of [
  { selector: "spec.nodeName=node-1,metadata.name=one", holds: true },
  { selector: "spec.nodeName!=node-1", holds: false },
  { selector: "status.phase=", holds: true },
]) {
  test(`parseFieldSelector() holds "${selector}" as API servers do`, () =>
    assert.equal(parseFieldSelector(selector)(POD), holds));
}

test("selectors that cannot be read are refused", () => {
  assert.throws(() => parseLabelSelector("a b"), /invalid label selector/);
  assert.throws(() => parseFieldSelector("metadata.name"), /invalid field selector/);
});
