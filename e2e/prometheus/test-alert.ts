import assert from "node:assert/strict";
import { test } from "node:test";
import { waitFor, waitUntilHolds } from "../lib/wait-for.ts";
import type { Alert } from "./prometheus.ts";
import type { WatchedLab } from "./watched-lab.ts";

/**
 * From the fault to the alert: scrape, evaluation and `for` take a second each, and rates need a few samples.
 */
const FIRING_MS = 30_000;

export interface AlertFault {
  /** What goes wrong, for the test's name. */
  readonly what: string;
  /** Does it to the node from outside. */
  inject(lab: WatchedLab): Promise<void>;
  /** Ends the fault, where it can be ended; the alert must end then. */
  lift?(lab: WatchedLab): Promise<void>;
  /** Ends the fault of an alert that looks back on it. */
  repair?(lab: WatchedLab): Promise<void>;
}

/** Tests alerts by faults, and remembers which. */
export interface AlertTester {
  /**
   * No alert before the fault, one after it; where the fault can be lifted, none again. Several names: one
   * fault makes all of them fire.
   */
  testAlert(names: string | readonly string[], fault: AlertFault): void;
  readonly tested: ReadonlySet<string>;
}

export function createAlertTester(getLab: () => WatchedLab): AlertTester {
  const tested = new Set<string>();
  return {
    tested,
    testAlert(given, { what, inject, lift, repair }) {
      const names = typeof given === "string" ? [given] : given;
      for (const name of names) tested.add(name);
      test(`${names.join(" and ")} ${names.length > 1 ? "fire" : "fires"} when ${what}`, async () => {
        const lab = getLab();
        for (const name of names) assert.deepEqual(await lab.prometheus.firing(name), []);
        await inject(lab);
        for (const name of names) {
          const alert = await untilFiring(lab, name);
          assert.doesNotMatch(Object.values(alert.annotations).join(), /<no value>|{{/);
        }
        await repair?.(lab);
        if (lift === undefined) return;
        await lift(lab);
        for (const name of names) await untilOver(lab, name);
      });
    },
  };
}

function untilFiring({ prometheus }: WatchedLab, name: string): Promise<Alert> {
  const probe = async (): Promise<Alert | undefined> => (await prometheus.firing(name))[0];
  return waitFor(`the alert ${name}`, probe, { timeoutMs: FIRING_MS, intervalMs: 200 });
}

function untilOver({ prometheus }: WatchedLab, name: string): Promise<void> {
  const check = async (): Promise<void> => assert.deepEqual(await prometheus.firing(name), []);
  return waitUntilHolds(`the end of ${name}`, check, { timeoutMs: FIRING_MS, intervalMs: 200 });
}
