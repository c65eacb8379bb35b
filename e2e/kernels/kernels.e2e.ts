import assert from "node:assert/strict";
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { REPOSITORY } from "../lib/tools.ts";
import { type GuestInput, MEMORY_MB, runGuest } from "./guest.ts";
import { describeFailure, type GuestReport } from "./guest-report.ts";
import { type KernelName, prepareBoot } from "./kernels.ts";
import { changeTable } from "../lib/support-document.ts";
import { type GuestPlan, readPlans } from "./suites.ts";
import { formatSupportTable, mergeTables, tellDuration } from "./support-table.ts";

const { CAUSEWAY_E2E_FOLDER = "", CAUSEWAY_E2E_LOGS = "", UPDATE_DOCS } = process.env;
const folder = join(CAUSEWAY_E2E_FOLDER, "guests");
const plans = readPlans(process.env);
const reports: GuestReport[] = [];

/** Nearly all guests have one processor. */
const MAX_GUESTS = Math.min(
  availableParallelism(),
  Math.floor(process.availableMemory() / (MEMORY_MB * 2 ** 20)),
);

/** Guests watch over themselves: they end when they have said nothing for a while. */
const NO_TIMEOUT = { timeout: 2 ** 31 - 1 };

/**
 * Boots a guest; its console goes to the logs, and its results to the output. Throws what is wrong when its
 * suite is not green.
 */
async function boot(kernel: KernelName, { suite }: GuestPlan, joined: Joined = {}): Promise<void> {
  const name = `${kernel}, ${suite}`;
  const path = join(CAUSEWAY_E2E_LOGS, `${name.replaceAll(/,? /g, "-")}.console`);
  const console = createWriteStream(path);
  const onLine = (line: string): void => {
    console.write(`${line}\n`);
    if (/^\s*[✔✖] |guest: /.test(line)) process.stdout.write(`  ${name}: ${line}\n`);
  };
  const report = await runGuest({ kernel, ...prepareBoot(kernel, folder), suite, onLine, ...joined });
  console.end();
  if (UPDATE_DOCS === "1") updateDocument(formatSupportTable([{ kernel, guests: [report] }], new Date()));
  reports.push(report);
  const failure = describeFailure(report);
  if (failure !== undefined) assert.fail(`Linux ${kernel}: ${failure}\nAll of it: ${path}`);
}

type Joined = Pick<GuestInput, "cable" | "signal">;

/** Boots two guests with a cable between them. One whose partner has failed waits for it in vain, and is ended. */
async function bootPair(kernels: readonly KernelName[], plan: GuestPlan): Promise<void> {
  const ends = mkdtempSync(join(CAUSEWAY_E2E_FOLDER, "cable-"));
  const failed = new AbortController();
  for (const kernel of kernels) prepareBoot(kernel, folder);
  const guests = kernels.map((kernel, index) => {
    const cable = { node: index === 0 ? 1 : 2, folder: ends } as const;
    return boot(kernel, plan, { cable, signal: failed.signal });
  });
  for (const guest of guests) guest.catch(() => failed.abort());
  const outcomes = await Promise.allSettled(guests);
  rmSync(ends, { recursive: true });
  const reasons = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
  if (reasons.length > 0) throw new AggregateError(reasons, reasons.map(String).join("\n\n"));
}

for (const [what, size] of [
  ["guests alone", 1],
  ["joined guests", 2],
] as const) {
  const concurrency = Math.max(1, Math.floor(MAX_GUESTS / size));
  describe(what, { concurrency, ...NO_TIMEOUT }, () => {
    for (const plan of plans.filter(({ kernels }) => kernels.length === size))
      test(`Linux ${plan.kernels.join(" and ")}: ${plan.suite}`, NO_TIMEOUT, () =>
        size === 1 ? boot(plan.kernels[0], plan) : bootPair(plan.kernels, plan),
      );
  });
}

after(() => {
  rmSync(folder, { recursive: true, force: true });
  const byKernel = Map.groupBy(reports, ({ kernel }) => kernel);
  const results = [...byKernel].map(([kernel, guests]) => ({ kernel, guests }));
  const table = formatSupportTable(results, new Date());
  process.stdout.write(`\n${table}\n\n`);
});

function updateDocument(table: string): void {
  const path = join(REPOSITORY, "docs", "support.md");
  const text = changeTable(readFileSync(path, "utf8"), "kernels", (known) => mergeTables(table, known));
  writeFileSync(path, tellDuration(text));
}
