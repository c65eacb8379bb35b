import assert from "node:assert/strict";
import { test } from "node:test";
import { addLine, type GuestReport, isGreen, newReport } from "./guest-report.ts";

function reportOf(...lines: readonly string[]): GuestReport {
  const report = newReport();
  for (const line of lines) addLine(report, line, 0);
  return report;
}

const isSmokeGreen = (...lines: readonly string[]): boolean => {
  const suite = reportOf("guest: suite smoke", ...lines).suites.get("smoke");
  return suite !== undefined && isGreen(suite);
};

test("a suite is green when it ended well and tests passed", () => {
  assert.ok(isSmokeGreen("✔ pods talk (12.5ms)", "guest: end 0"));
});

for (const [name, lines] of [
  ["without an end, since the guest has hung or panicked", ["✔ pods talk (12.5ms)"]],
  ["that tested nothing", ["guest: end 0"]],
  ["with a test that failed", ["✔ pods talk (12.5ms)", "  ✖ limits hold (3ms)", "guest: end 0"]],
  ["that ended badly", ["✔ pods talk (12.5ms)", "guest: end 1"]],
] as const) {
  test(`a suite ${name} is not green`, () => assert.ok(!isSmokeGreen(...lines)));
}

test("a guest's facts are read, also behind the firmware's last words", () => {
  const { facts } = reportOf(
    "Booting from ROM..\u001bcguest: fact release 5.10.0-46",
    "guest: fact add 12.30",
  );
  assert.deepEqual(Object.fromEntries(facts), { release: "5.10.0-46", add: "12.30" });
});
