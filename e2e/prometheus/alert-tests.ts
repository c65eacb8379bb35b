import assert from "node:assert/strict";
import { test } from "node:test";
import { testAwayAlerts, testWorkAlerts } from "./agent-alert-tests.ts";
import { readAlerts } from "./chart-files.ts";
import { testEncryptionAlerts } from "./encryption-alert-tests.ts";
import { testNodeAlerts } from "./node-alert-tests.ts";
import { testPodAlerts } from "./pod-alert-tests.ts";
import { testPolicyAlerts } from "./policy-alert-tests.ts";
import { createAlertTester } from "./test-alert.ts";
import type { WatchedLab } from "./watched-lab.ts";

/**
 * Faults are real ones, done to the node from outside; the rules are the shipped ones, shortened
 * (test-rules.ts).
 */
export function testAlerts(getLab: () => WatchedLab): void {
  const tester = createAlertTester(getLab);
  testEncryptionAlerts(tester);
  testWorkAlerts(tester);
  testPodAlerts(tester);
  testPolicyAlerts(tester);
  testNodeAlerts(tester);
  testAwayAlerts(tester);

  test("every shipped alert was made to fire", () => {
    assert.deepEqual(
      [...tester.tested].toSorted(),
      readAlerts()
        .map(({ alert }) => alert)
        .toSorted(),
    );
  });
}
