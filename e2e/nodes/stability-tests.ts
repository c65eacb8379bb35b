import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { waitFor } from "../lib/wait-for.ts";
import type { ClusterLab } from "./cluster-lab.ts";
import { reachAll } from "./reach.ts";

/** Nothing of the agent is needed for what is there already. */
export function testStability(getLab: () => ClusterLab): void {
  describe("without an agent, or without knowledge", () => {
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      test(`${signal} of all agents: traffic goes on, and the next agents change nothing`, async () => {
        const lab = getLab();
        const n1 = lab.node("n1");
        const targets = lab.nodes.flatMap(({ pods }) => pods[1].addresses);
        const before = await n1.run(
          "sh",
          "-c",
          "ip route; ip -6 route; ip neigh show nud permanent; bridge fdb",
        );
        for (const node of lab.nodes) await node.stopAgent(signal);
        await reachAll(n1, targets);
        for (const node of lab.nodes) await node.startAgent();
        await reachAll(n1, targets);
        const now = await n1.run(
          "sh",
          "-c",
          "ip route; ip -6 route; ip neigh show nud permanent; bridge fdb",
        );
        assert.deepEqual(sorted(now), sorted(before));
      });
    }

    for (const { name, content } of [
      { name: "no nodes file", content: undefined },
      { name: "garbage for a nodes file", content: "[{name: n1, podCIDRs" },
    ]) {
      test(`an agent that starts with ${name} serves from the kernel's state and removes no route`, async () => {
        const lab = getLab();
        const n1 = lab.node("n1");
        const before = await n1.run("ip", "route", "show", "proto", "99");
        await n1.stopAgent("SIGKILL");
        n1.writeNodes(content);
        await n1.startAgent();
        assert.equal(await n1.run("ip", "route", "show", "proto", "99"), before);
        await reachAll(n1, lab.node("n3").pods[1].addresses);
        lab.setCluster(lab.nodes.filter(({ name: other }) => other !== "n3").map(({ place }) => place));
        await waitFor(
          "the route of the node that is gone",
          async () =>
            !(await n1.run("ip", "route", "show", "proto", "99")).includes("10.244.3.0") || undefined,
          { timeoutMs: 20_000 },
        );
        lab.setCluster();
        await reachAll(n1, lab.node("n3").pods[1].addresses);
      });
    }
  });
}

function sorted(text: string): readonly string[] {
  return text.trim().split("\n").toSorted();
}
