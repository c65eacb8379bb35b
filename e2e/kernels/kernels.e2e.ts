import assert from "node:assert/strict";
import { createWriteStream, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { REPOSITORY } from "../lib/tools.ts";
import { runGuest } from "./guest.ts";
import { type GuestReport, isGreen } from "./guest-report.ts";
import { type KernelName, prepareBoot } from "./kernels.ts";
import { updateTable } from "../lib/support-document.ts";
import { chooseGuests, type GuestPlan, SOME_GUESTS } from "./suites.ts";
import { formatSupportTable, mergeRows } from "./support-table.ts";

const { CAUSEWAY_E2E_FOLDER = "", CAUSEWAY_E2E_LOGS = "", UPDATE_DOCS } = process.env;
const { CAUSEWAY_GUESTS, CAUSEWAY_KERNELS = "", CAUSEWAY_SUITES = "" } = process.env;
const folder = join(CAUSEWAY_E2E_FOLDER, "guests");
const listed = (names: string): readonly string[] => names.split(",").filter((name) => name !== "");
const plans =
  CAUSEWAY_GUESTS === undefined
    ? SOME_GUESTS
    : chooseGuests(listed(CAUSEWAY_KERNELS), listed(CAUSEWAY_SUITES));
const reports = new Map<KernelName, GuestReport[]>();

/** Guests watch over themselves: they end when they have said nothing for a while. */
const NO_TIMEOUT = { timeout: 2 ** 31 - 1 };

/** Boots a guest; its console goes to the logs, and its results to the output. */
async function boot({ kernel, suites, append }: GuestPlan): Promise<GuestReport> {
  const name = [kernel, ...append, ...suites].join("-");
  const console = createWriteStream(join(CAUSEWAY_E2E_LOGS, `${name.replaceAll(" ", "-")}.console`));
  const onLine = (line: string): void => {
    console.write(`${line}\n`);
    if (/^\s*[✔✖] |guest: /.test(line)) process.stdout.write(`  ${kernel}: ${line}\n`);
  };
  const report = await runGuest({ ...prepareBoot(kernel, folder), suites, append, onLine });
  console.end();
  if (UPDATE_DOCS === "1") updateDocument(formatSupportTable([{ kernel, guests: [report] }], new Date()));
  reports.set(kernel, [...(reports.get(kernel) ?? []), report]);
  return report;
}

for (const plan of plans) {
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
});

function updateDocument(table: string): void {
  const path = join(REPOSITORY, "docs", "support.md");
  writeFileSync(path, updateTable(readFileSync(path, "utf8"), table, "kernels", mergeRows));
}
