import assert from "node:assert/strict";
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { REPOSITORY } from "../lib/tools.ts";
import { type GuestInput, MEMORY_MB, runGuest } from "./guest.ts";
import { type GuestReport, isGreen } from "./guest-report.ts";
import { type KernelName, prepareBoot } from "./kernels.ts";
import { changeTable } from "../lib/support-document.ts";
import { chooseGuests, type GuestPlan, SOME_GUESTS } from "./suites.ts";
import { formatSupportTable, mergeTables, tellDuration } from "./support-table.ts";

const { CAUSEWAY_E2E_FOLDER = "", CAUSEWAY_E2E_LOGS = "", UPDATE_DOCS } = process.env;
const { CAUSEWAY_GUESTS, CAUSEWAY_KERNELS = "", CAUSEWAY_SUITES = "" } = process.env;
const folder = join(CAUSEWAY_E2E_FOLDER, "guests");
const listed = (names: string): readonly string[] => names.split(",").filter((name) => name !== "");
const plans =
  CAUSEWAY_GUESTS === undefined
    ? SOME_GUESTS
    : chooseGuests(listed(CAUSEWAY_KERNELS), listed(CAUSEWAY_SUITES));
const reports = new Map<KernelName, GuestReport[]>();

/** A guest has one processor. */
const MAX_GUESTS = Math.min(
  availableParallelism(),
  Math.floor(process.availableMemory() / (MEMORY_MB * 2 ** 20)),
);

/** Guests watch over themselves: they end when they have said nothing for a while. */
const NO_TIMEOUT = { timeout: 2 ** 31 - 1 };

/** Boots a guest; its console goes to the logs, and its results to the output. */
async function boot(kernel: KernelName, { suite }: GuestPlan, joined: Joined = {}): Promise<GuestReport> {
  const name = `${kernel}, ${suite}`;
  const console = createWriteStream(join(CAUSEWAY_E2E_LOGS, `${name.replaceAll(/,? /g, "-")}.console`));
  const onLine = (line: string): void => {
    console.write(`${line}\n`);
    if (/^\s*[✔✖] |guest: /.test(line)) process.stdout.write(`  ${name}: ${line}\n`);
  };
  const report = await runGuest({ ...prepareBoot(kernel, folder), suite, onLine, ...joined });
  console.end();
  if (UPDATE_DOCS === "1") updateDocument(formatSupportTable([{ kernel, guests: [report] }], new Date()));
  reports.set(kernel, [...(reports.get(kernel) ?? []), report]);
  return report;
}

type Joined = Pick<GuestInput, "cable" | "signal">;

/** Boots two guests with a cable between them. One whose partner has failed waits for it in vain, and is ended. */
async function bootPair(kernels: readonly KernelName[], plan: GuestPlan): Promise<readonly GuestReport[]> {
  const ends = mkdtempSync(join(CAUSEWAY_E2E_FOLDER, "cable-"));
  const failed = new AbortController();
  for (const kernel of kernels) prepareBoot(kernel, folder);
  const guests = await Promise.all(
    kernels.map(async (kernel, index) => {
      const cable = { node: index === 0 ? 1 : 2, folder: ends } as const;
      const report = await boot(kernel, plan, { cable, signal: failed.signal });
      const suite = report.suites.get(plan.suite);
      if (suite === undefined || !isGreen(suite)) failed.abort();
      return report;
    }),
  );
  rmSync(ends, { recursive: true });
  return guests;
}

async function judge(plan: GuestPlan): Promise<void> {
  const { kernels, suite: name } = plan;
  const guests = kernels.length === 1 ? [await boot(kernels[0], plan)] : await bootPair(kernels, plan);
  for (const { suites } of guests) {
    const suite = suites.get(name);
    assert.ok(suite !== undefined, `${name} has not begun`);
    assert.deepEqual([...suite.failed], [], name);
    assert.ok(isGreen(suite), `${name} ended with ${suite.exitCode}; ${suite.passed.size} tests passed`);
  }
}

for (const [what, size] of [
  ["guests alone", 1],
  ["joined guests", 2],
] as const) {
  const concurrency = Math.max(1, Math.floor(MAX_GUESTS / size));
  describe(what, { concurrency, ...NO_TIMEOUT }, () => {
    for (const plan of plans.filter(({ kernels }) => kernels.length === size))
      test(`Linux ${plan.kernels.join(" and ")}: ${plan.suite}`, NO_TIMEOUT, () => judge(plan));
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
  const text = changeTable(readFileSync(path, "utf8"), "kernels", (known) => mergeTables(table, known));
  writeFileSync(path, tellDuration(text));
}
