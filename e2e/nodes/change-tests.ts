import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { waitFor } from "../lib/wait-for.ts";
import type { ClusterLab } from "./cluster-lab.ts";
import { ipBatch, uplinkLines } from "./cluster-network.ts";
import { pings, reachAll } from "./reach.ts";

/** Nodes come, go and change. */
export function testChanges(getLab: () => ClusterLab): void {
  describe("changes of the cluster", () => {
    test("a node's address changes: all others follow, and so does the node itself", async () => {
      const lab = getLab();
      const n3 = lab.node("n3");
      const moved = { ...n3.place, addresses: ["203.0.113.99", "2001:db8:3::13"] };
      await ipBatch(n3.netns, ["addr del 203.0.113.13/24 dev up0", ...uplinkLines(moved)]);
      lab.setCluster(lab.nodes.map(({ name, place }) => (name === "n3" ? moved : place)));
      for (const name of ["n1", "n4"] as const) await reachAll(lab.node(name), n3.pods[1].addresses);
      assert.match(await n3.run("ip", "-d", "link", "show", "cw-vx"), /local 203.0.113.99/);
      await ipBatch(n3.netns, ["addr del 203.0.113.99/24 dev up0", ...uplinkLines(n3.place)]);
      lab.setCluster();
      for (const name of ["n1", "n4"] as const) await reachAll(lab.node(name), n3.pods[1].addresses);
    });

    test("a node's PodCIDR changes: the old route goes, the new one comes, and pods of the old one live on on their node", async () => {
      const lab = getLab();
      const [n1, n2] = [lab.node("n1"), lab.node("n2")];
      const moved = { ...n2.place, podCIDRs: ["10.244.22.0/24", "fd00:10:244:22::/64"] as const };
      lab.setCluster(lab.nodes.map(({ name, place }) => (name === "n2" ? moved : place)));
      await waitFor(
        "the new routes alone",
        async () => {
          const routes = await n1.run("sh", "-c", "ip route show proto 99; ip -6 route show proto 99");
          const isMoved =
            routes.includes("10.244.22.0/24 via 192.0.2.12") && routes.includes("fd00:10:244:22::/64");
          return (isMoved && !routes.includes("10.244.2.0/24")) || undefined;
        },
        { timeoutMs: 5000 },
      );
      assert.equal(await pings(n2.pods[0].netns, n2.pods[1].addresses[0]), true);
      lab.setCluster();
      await reachAll(n1, n2.pods[1].addresses);
    });
  });
}
