import assert from "node:assert/strict";
import { test } from "node:test";
import { addLine, describeFailure, type GuestReport, isGreen, newReport } from "./guest-report.ts";

function reportOf(...lines: readonly string[]): GuestReport {
  const report = newReport("5.10", "smoke");
  for (const line of lines) addLine(report, line, 0);
  return report;
}

test("a suite is green when it ended well and tests passed", () => {
  const report = reportOf("guest: suite smoke", "✔ pods talk (12.5ms)", "guest: end 0");
  assert.ok(isGreen(report));
  assert.equal(describeFailure(report), undefined);
});

for (const [name, lines, failure] of [
  [
    "without an end, since the guest has hung or panicked",
    ["✔ pods talk (12.5ms)", "[   12.500000] Kernel panic - not syncing: Oops"],
    /^"smoke" has not come to its end; 1 tests passed, 0 failed\n[^]*Kernel panic/,
  ],
  ["that tested nothing", ["guest: end 0"], /^"smoke" ended with exit code 0; 0 tests passed/],
  [
    "with a test that failed",
    ["✔ pods talk (12.5ms)", "  ✖ limits hold (3ms)", "guest: end 0"],
    /; 1 tests passed, 1 failed\n {2}limits hold\n/,
  ],
  ["that ended badly", ["✔ pods talk (12.5ms)", "guest: end 1"], /^"smoke" ended with exit code 1;/],
  [
    "with a test that was skipped",
    ["✔ pods talk (12.5ms)", "﹣ limits hold (0.2ms) # this kernel has none", "guest: end 0"],
    /\n {2}limits hold \(skipped\)\n/,
  ],
] as const) {
  test(`a suite ${name} is not green, and it is told why`, () => {
    const report = reportOf("guest: suite smoke", ...lines);
    assert.ok(!isGreen(report));
    assert.match(describeFailure(report) ?? "", failure);
  });
}

test("a guest that never began, or has another kernel, is told with the reason", () => {
  const report = reportOf("[    0.500000] Initramfs unpacking failed: write error");
  report.broken = "QEMU was ended by SIGKILL";
  assert.match(
    describeFailure(report) ?? "",
    /^QEMU was ended by SIGKILL\n"smoke" has not begun[^]*unpacking failed/,
  );
  const green = ["guest: suite smoke", "✔ pods talk (12.5ms)", "guest: end 0"];
  const other = reportOf("guest: fact release 6.1.0-46-cloud-amd64", ...green);
  assert.match(describeFailure(other) ?? "", /^The guest has Linux 6\.1\.0-46-cloud-amd64\n/);
  assert.equal(describeFailure(reportOf("guest: fact release 5.10.0-46", ...green)), undefined);
});

test("a guest's facts are read, also behind the firmware's last words", () => {
  const { facts } = reportOf(
    "Booting from ROM..\u001bcguest: fact release 5.10.0-46",
    "guest: fact add 12.30",
  );
  assert.deepEqual(Object.fromEntries(facts), { release: "5.10.0-46", add: "12.30" });
});
