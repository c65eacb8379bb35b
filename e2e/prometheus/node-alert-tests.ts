import { chmodSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../lib/command.ts";
import { waitFor } from "../lib/wait-for.ts";
import type { AlertTester } from "./test-alert.ts";
import { FIRST } from "./watched-lab.ts";

/** Faults of the node, and of what its agent is told. */
export function testNodeAlerts({ testAlert }: AlertTester): void {
  testAlert("CausewayNotReady", {
    what: "the folder of the conflist cannot be written, and the conflist is gone",
    inject: async ({ node }) => {
      chmodSync(node.cniConfDir, 0o555);
      rmSync(node.conflist);
    },
    lift: async ({ node }) => {
      chmodSync(node.cniConfDir, 0o755);
      await node.agent();
    },
  });

  testAlert("CausewayWatchStale", {
    what: "the nodes file is gone",
    inject: async ({ node }) => renameSync(node.nodesFile, `${node.nodesFile}.away`),
    lift: async ({ node }) => renameSync(`${node.nodesFile}.away`, node.nodesFile),
  });

  testAlert("CausewayDriftRepeating", {
    what: "somebody flushes the rules again and again",
    inject: async (lab) => {
      const agent = await lab.node.agent();
      for (let flush = 1; flush <= 6; flush++) {
        const before = await agent.metric("causeway_drift_repairs_total");
        await runCommand([...lab.node.network.node.enter, "nft", "flush", "table", "inet", "causeway"]);
        await waitFor(
          "the repair",
          async () => (await agent.metric("causeway_drift_repairs_total")) > before || undefined,
          {
            timeoutMs: 5000,
          },
        );
        await lab.prometheus.scraped();
      }
    },
  });

  testAlert("CausewayNodeSkipped", {
    what: "a node claims a part of another's PodCIDR",
    inject: async ({ node }) =>
      node.setPeers([FIRST, { name: "second", addresses: ["192.0.2.9"], podCIDRs: ["10.244.8.0/25"] }]),
    lift: async ({ node }) => node.setPeers([FIRST]),
  });

  testAlert("CausewayNodesHeld", {
    what: "the node's link is down",
    inject: async ({ node }) => {
      node.setPeers([FIRST]);
      await runCommand([...node.network.node.enter, "ip", "link", "set", "up0", "down"]);
    },
    lift: async ({ node }) => {
      // What the kernel has taken with the link comes back as a network manager would bring it.
      for (const command of [
        "link set up0 up",
        "address replace 2001:db8:2::2/64 dev up0 nodad",
        "route replace default via 192.0.2.1",
        "route replace default via 2001:db8:2::1 dev up0",
      ])
        await runCommand([...node.network.node.enter, "ip", ...command.split(" ")]);
    },
  });

  testAlert("CausewayForeignDrop", {
    what: "another program's chain drops what it does not know",
    inject: async ({ node }) => {
      await runCommand([...node.network.node.enter, "nft", "add table ip other"]);
      const chain = "add chain ip other forward { type filter hook forward priority 0; policy drop; }";
      await runCommand([...node.network.node.enter, "nft", chain]);
    },
    lift: async ({ node }) => {
      await runCommand([...node.network.node.enter, "nft", "delete table ip other"]);
    },
  });

  testAlert("CausewayRivalConflist", {
    what: "another CNI's configuration sorts first",
    inject: async ({ node }) =>
      writeFileSync(
        join(node.cniConfDir, "05-other.conflist"),
        '{"name":"other","plugins":[{"type":"bridge"}]}',
      ),
    lift: async ({ node }) => rmSync(join(node.cniConfDir, "05-other.conflist")),
  });
}
