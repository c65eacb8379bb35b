import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import type { AlertTester } from "./test-alert.ts";
import type { WatchedLab } from "./watched-lab.ts";

/** Faults of what pods ask for and get. */
export function testPodAlerts({ testAlert }: AlertTester): void {
  testAlert("CausewayAddSlow", {
    what: "the agent hangs for seconds during an ADD",
    inject: async (lab) => {
      const { pid } = await lab.node.agent();
      for (const pod of ["a", "b", "c"]) assert.equal(await lab.call("ADD", pod), 0);
      process.kill(pid, "SIGSTOP");
      const adding = lab.call("ADD", "slow");
      await delay(3000); // the fault itself, not a wait for something
      process.kill(pid, "SIGCONT");
      assert.equal(await adding, 0);
    },
  });

  testAlert("CausewayPoolNearlyFull", {
    what: "pods take all but one of the addresses of the PodCIDR",
    inject: async (lab) => {
      for (let pod = 5; pod <= 12; pod++) assert.equal(await lab.call("ADD", `p${pod}`), 0);
    },
    lift: async (lab) => {
      for (let pod = 5; pod <= 12; pod++) assert.equal(await lab.call("DEL", `p${pod}`), 0);
    },
  });

  testAlert("CausewayAddFailing", {
    what: "three pods come although no address is left, and not for one that is tried again and again",
    async inject(lab) {
      for (let pod = 5; pod <= 13; pod++) assert.equal(await lab.call("ADD", `p${pod}`), 0);
      for (let retry = 1; retry <= 20; retry++)
        assert.equal(await lab.call("ADD", `one-${retry}`, "K8S_POD_NAMESPACE=a;K8S_POD_NAME=one"), 1);
      await evaluated(lab);
      assert.deepEqual(await lab.prometheus.firing("CausewayAddFailing"), []);
      for (const pod of ["two", "three"]) assert.equal(await lab.call("ADD", pod), 1);
    },
    async lift(lab) {
      for (let pod = 5; pod <= 13; pod++) assert.equal(await lab.call("DEL", `p${pod}`), 0);
      for (const pod of ["two", "three"]) assert.equal(await lab.call("ADD", pod), 0);
    },
  });

  testAlert("CausewayAddRefused", {
    what: "three pods ask for addresses of another network, which is no failure of the node",
    async inject(lab) {
      for (const pod of ["x", "y", "z"]) assert.equal(await lab.call("ADD", pod, "IP=192.0.2.99"), 1);
      await evaluated(lab);
      assert.deepEqual(await lab.prometheus.firing("CausewayAddFailing"), []);
    },
    async lift(lab) {
      for (const pod of ["x", "y"]) assert.equal(await lab.call("ADD", pod), 0);
    },
  });
}

/** An alert that is pending in the first evaluation fires in the next one. */
async function evaluated({ prometheus }: WatchedLab): Promise<void> {
  for (let scrape = 1; scrape <= 4; scrape++) await prometheus.scraped();
}
