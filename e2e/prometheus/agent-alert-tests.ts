import { execFileSync } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../lib/command.ts";
import { expectErrors } from "../lib/end-of-test.ts";
import { startProcess } from "../lib/process.ts";
import type { AlertTester } from "./test-alert.ts";
import { FIRST, type WatchedLab } from "./watched-lab.ts";

/**
 * Faults that keep an agent from making the node's network. Before most other alerts: those here look back on
 * minutes.
 */
export function testWorkAlerts({ testAlert }: AlertTester): void {
  let giveBack = async (): Promise<void> => undefined;
  testAlert(["CausewayNftFailing", "CausewayRunsFailing"], {
    what: "another program owns a table of our name",
    async inject(lab) {
      expectErrors(/Operation not permitted/);
      giveBack = await takeTable(lab);
    },
    repair: () => giveBack(),
  });

  testAlert("CausewayRoutesMissing", {
    what: "somebody else's route has the place of one to another node",
    async inject({ node }) {
      await runCommand([...node.network.node.enter, "ip", "route", "add", "blackhole", "10.244.8.0/24"]);
      node.setPeers([FIRST]);
    },
    async lift({ node }) {
      await runCommand([...node.network.node.enter, "ip", "route", "del", "blackhole", "10.244.8.0/24"]);
      // Any change of the nodes makes the agent try again before its next look at everything, a minute after
      // the last.
      node.setPeers([FIRST, { name: "second", addresses: ["192.0.2.9"], podCIDRs: ["10.244.9.0/24"] }]);
    },
  });
}

/** Agents that are away. After all other alerts: their counters begin anew. */
export function testAwayAlerts({ testAlert }: AlertTester): void {
  testAlert("CausewayAgentDown", {
    what: "the agent does not run",
    inject: ({ node }) => node.stopAgent(),
    lift: async ({ node }) => void (await node.agent()),
  });

  testAlert("CausewayAgentRestarting", {
    what: "the agent is killed again and again",
    async inject({ node, prometheus }) {
      for (let kill = 1; kill <= 3; kill++) {
        const agent = await node.agent();
        await prometheus.scraped();
        await agent.stop("SIGKILL");
      }
      await node.agent();
    },
  });
}

/**
 * Lets a running nft own the table, as firewalld does with its own: the kernel refuses everybody else. Gives
 * what ends it.
 */
async function takeTable({ node }: WatchedLab): Promise<() => Promise<void>> {
  const fifo = join(node.folder, "nft.fifo");
  execFileSync("mkfifo", [fifo]);
  const command = [...node.network.node.enter, "sh", "-c", 'exec nft -i <>"$0"', fifo];
  const nft = await startProcess({ name: "nft", command, folder: node.folder });
  const input = openSync(fifo, "r+");
  writeSync(input, "delete table inet causeway\nadd table inet causeway { flags owner; }\n");
  return async () => {
    closeSync(input);
    await nft.stop("SIGKILL");
  };
}
