import assert from "node:assert/strict";
import { test } from "node:test";
import { createRouteCounter } from "./count-routes.ts";

test("createRouteCounter() counts a dual-stack node once, by the worst of its routes, and each of its PodCIDRs", () => {
  const counter = createRouteCounter();
  counter.add("a", "direct");
  counter.add("a", "direct");
  counter.add("b", "overlay");
  counter.add("b", "unreachable");
  counter.add("c", "held");
  counter.add("c", "overlay");
  counter.add("d", "encrypted");
  counter.add("d", "direct");
  assert.deepEqual(counter.podCidrs(), { encrypted: 1, direct: 3, overlay: 2, held: 1, unreachable: 1 });
  assert.deepEqual(counter.nodes(), { encrypted: 0, direct: 2, overlay: 0, held: 1, unreachable: 1 });
});
