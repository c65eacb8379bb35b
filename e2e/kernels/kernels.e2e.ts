import assert from "node:assert/strict";
import { createWriteStream, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { REPOSITORY } from "../lib/tools.ts";
import { runGuest } from "./guest.ts";
import { type GuestReport, isGreen } from "./guest-report.ts";
import { KERNELS, type KernelName, prepareBoot } from "./kernels.ts";
import { updateTable } from "../lib/support-document.ts";
import { allGuests, type GuestPlan, SOME_GUESTS } from "./suites.ts";
import { formatSupportTable } from "./support-table.ts";

const { CAUSEWAY_E2E_FOLDER = "", CAUSEWAY_E2E_LOGS = "", CAUSEWAY_KERNELS, UPDATE_DOCS } = process.env;
const folder = join(CAUSEWAY_E2E_FOLDER, "guests");
/** Undefined: some suites on some kernels. */
const whole =
  CAUSEWAY_KERNELS === undefined
    ? undefined
    : KERNELS.filter((name) => CAUSEWAY_KERNELS.split(" ").includes(name));
const reports = new Map<KernelName, GuestReport[]>();

/** Guests watch over themselves: they end when they have said nothing for a while. */
const NO_TIMEOUT = { timeout: 2 ** 31 - 1 };

/** Boots a guest; its console goes to the logs, and its results to the output. */
async function boot({ kernel, suites, append }: GuestPlan): Promise<GuestReport> {
  const console = createWriteStream(join(CAUSEWAY_E2E_LOGS, `${kernel}${append.join("")}.console`));
  const onLine = (line: string): void => {
    console.write(`${line}\n`);
    if (/^\s*[✔✖] |guest: /.test(line)) process.stdout.write(`  ${kernel}: ${line}\n`);
  };
  const report = await runGuest({ ...prepareBoot(kernel, folder), suites, append, onLine });
  console.end();
  reports.set(kernel, [...(reports.get(kernel) ?? []), report]);
  return report;
}

for (const plan of whole === undefined ? SOME_GUESTS : allGuests(whole)) {
  const words = plan.append.map((word) => `, ${word}`).join("");
  test(`Linux ${plan.kernel}${words}: ${plan.suites.join(", ")}`, NO_TIMEOUT, async () => {
    const { suites } = await boot(plan);
    for (const name of plan.suites) {
      const suite = suites.get(name);
      assert.ok(suite !== undefined, `${name} has not begun`);
      assert.deepEqual([...suite.failed], [], name);
      assert.ok(isGreen(suite), `${name} ended with ${suite.exitCode}; ${suite.passed.size} tests passed`);
    }
  });
}

after(() => {
  rmSync(folder, { recursive: true, force: true });
  const results = [...reports].map(([kernel, guests]) => ({ kernel, guests }));
  const table = formatSupportTable(results, new Date());
  process.stdout.write(`\n${table}\n\n`);
  if (UPDATE_DOCS !== "1" || whole === undefined) return;
  const path = join(REPOSITORY, "docs", "support.md");
  writeFileSync(path, updateTable(readFileSync(path, "utf8"), table));
});
