import assert from "node:assert/strict";
import { chmodSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { runCommand } from "../lib/command.ts";
import { waitFor, waitUntilHolds } from "../lib/wait-for.ts";
import { readAlerts } from "./chart-files.ts";
import type { Alert } from "./prometheus.ts";
import type { WatchedLab } from "./watched-lab.ts";

/** From the fault to the alert: scrape, evaluation and `for` take a second each, and rates need a few samples. */
const FIRING_MS = 30_000;

/** Faults are real ones, done to the node from outside; the rules are the shipped ones, shortened (test-rules.ts). */
export function testAlerts(getLab: () => WatchedLab): void {
  const tested = new Set<string>();

  /** No alert before the fault, one after it; where the fault can be lifted, none again. */
  const testAlert = (
    name: string,
    what: string,
    inject: (lab: WatchedLab) => Promise<void>,
    lift?: (lab: WatchedLab) => Promise<void>,
  ): void => {
    tested.add(name);
    test(`${name} fires when ${what}`, async () => {
      const lab = getLab();
      assert.deepEqual(await lab.prometheus.firing(name), []);
      await inject(lab);
      const alert = await untilFiring(lab, name);
      assert.doesNotMatch(Object.values(alert.annotations).join(), /<no value>|{{/);
      if (lift === undefined) return;
      await lift(lab);
      await waitUntilHolds(
        `the end of ${name}`,
        async () => assert.deepEqual(await lab.prometheus.firing(name), []),
        {
          timeoutMs: FIRING_MS,
          intervalMs: 200,
        },
      );
    });
  };

  testAlert("CausewayAddSlow", "the agent hangs for seconds during an ADD", async (lab) => {
    const { pid } = await lab.node.agent();
    for (const pod of ["a", "b", "c"]) assert.equal(await lab.call("ADD", pod), 0);
    process.kill(pid, "SIGSTOP");
    const adding = lab.call("ADD", "slow");
    await delay(3000); // the fault itself, not a wait for something
    process.kill(pid, "SIGCONT");
    assert.equal(await adding, 0);
  });

  testAlert(
    "CausewayPoolNearlyFull",
    "pods take all but one of the addresses of the PodCIDR",
    async (lab) => {
      for (let pod = 5; pod <= 12; pod++) assert.equal(await lab.call("ADD", `p${pod}`), 0);
    },
    async (lab) => {
      for (let pod = 5; pod <= 12; pod++) assert.equal(await lab.call("DEL", `p${pod}`), 0);
    },
  );

  testAlert("CausewayAddFailing", "pods come although no address is left", async (lab) => {
    for (let pod = 5; pod <= 13; pod++) assert.equal(await lab.call("ADD", `p${pod}`), 0);
    for (let retry = 0; retry < 5; retry++) assert.equal(await lab.call("ADD", `p${14 + retry}`), 1);
  });

  testAlert(
    "CausewayNotReady",
    "the folder of the conflist cannot be written, and the conflist is gone",
    async ({ node }) => {
      chmodSync(node.cniConfDir, 0o555);
      rmSync(node.conflist);
    },
    async ({ node }) => {
      chmodSync(node.cniConfDir, 0o755);
      await node.agent();
    },
  );

  testAlert(
    "CausewayWatchStale",
    "the nodes file is gone",
    async ({ node }) => renameSync(node.nodesFile, `${node.nodesFile}.away`),
    async ({ node }) => renameSync(`${node.nodesFile}.away`, node.nodesFile),
  );

  testAlert("CausewayDriftRepeating", "somebody flushes the rules again and again", async (lab) => {
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
  });

  testAlert(
    "CausewayNodeSkipped",
    "a node claims a part of another's PodCIDR",
    async ({ node }) =>
      node.setPeers([
        { name: "first", addresses: ["192.0.2.8"], podCIDRs: ["10.244.8.0/24"] },
        { name: "second", addresses: ["192.0.2.9"], podCIDRs: ["10.244.8.0/25"] },
      ]),
    async ({ node }) =>
      node.setPeers([{ name: "first", addresses: ["192.0.2.8"], podCIDRs: ["10.244.8.0/24"] }]),
  );

  testAlert(
    "CausewayNodesHeld",
    "the node's link is down",
    async ({ node }) => {
      node.setPeers([{ name: "first", addresses: ["192.0.2.8"], podCIDRs: ["10.244.8.0/24"] }]);
      await runCommand([...node.network.node.enter, "ip", "link", "set", "up0", "down"]);
    },
    async ({ node }) => {
      // What the kernel has taken with the link comes back as a network manager would bring it.
      for (const command of [
        "link set up0 up",
        "address replace 2001:db8:2::2/64 dev up0 nodad",
        "route replace default via 192.0.2.1",
        "route replace default via 2001:db8:2::1 dev up0",
      ])
        await runCommand([...node.network.node.enter, "ip", ...command.split(" ")]);
    },
  );

  testAlert(
    "CausewayForeignDrop",
    "another program's chain drops what it does not know",
    async ({ node }) => {
      await runCommand([...node.network.node.enter, "nft", "add table ip other"]);
      const chain = "add chain ip other forward { type filter hook forward priority 0; policy drop; }";
      await runCommand([...node.network.node.enter, "nft", chain]);
    },
    async ({ node }) => {
      await runCommand([...node.network.node.enter, "nft", "delete table ip other"]);
    },
  );

  testAlert(
    "CausewayRivalConflist",
    "another CNI's configuration sorts first",
    async ({ node }) =>
      writeFileSync(
        join(node.cniConfDir, "05-other.conflist"),
        '{"name":"other","plugins":[{"type":"bridge"}]}',
      ),
    async ({ node }) => rmSync(join(node.cniConfDir, "05-other.conflist")),
  );

  test("every shipped alert was made to fire", () => {
    assert.deepEqual(
      [...tested].toSorted(),
      readAlerts()
        .map(({ alert }) => alert)
        .toSorted(),
    );
  });
}

function untilFiring({ prometheus }: WatchedLab, name: string): Promise<Alert> {
  const probe = async (): Promise<Alert | undefined> => (await prometheus.firing(name))[0];
  return waitFor(`the alert ${name}`, probe, { timeoutMs: FIRING_MS, intervalMs: 200 });
}
