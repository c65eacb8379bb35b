import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { changeTable, mergeRows } from "./support-document.ts";

const DOCUMENT = join(import.meta.dirname, "..", "..", "docs", "support.md");

/** How tests with one version of another program came out. */
export interface Tried {
  /** Such as "containerd 1.6.20". */
  readonly what: string;
  readonly passed: number;
  readonly failed: number;
}

/** What suites and tests name that are about a version: "containerd 1.6.20", "Kubernetes 1.30, API objects: …". */
const VERSION = /^(?:containerd|helm|Kubernetes|nft|podman) v?\d+\.\d[\w.+-]*(?:, [^:]*)?(?=:|$)/;

/** The end of a test or suite, as node:test reports it: of a suite after its tests. */
export interface TestEnd {
  readonly name: string;
  /** 0: it is in no suite. */
  readonly nesting: number;
  readonly isSuite: boolean;
  readonly isPassed: boolean;
}

/** Counts tests by the version that they, or the outermost suite around them, name. */
export function createTally(): { add(end: TestEnd): void; tried(): readonly Tried[] } {
  const totals = new Map<string, Tried>();
  let inSuite = { passed: 0, failed: 0 };

  function note(name: string, more: { readonly passed: number; readonly failed: number }): void {
    const [what] = VERSION.exec(name) ?? [];
    if (what === undefined) return;
    const { passed = 0, failed = 0 } = totals.get(what) ?? {};
    totals.set(what, { what, passed: passed + more.passed, failed: failed + more.failed });
  }

  return {
    add({ name, nesting, isSuite, isPassed }) {
      const one = { passed: isPassed ? 1 : 0, failed: isPassed ? 0 : 1 };
      if (!isSuite) {
        inSuite = { passed: inSuite.passed + one.passed, failed: inSuite.failed + one.failed };
        note(name, one);
      }
      if (nesting > 0) return;
      // A suite that fails without a failed test failed in a hook of its own.
      if (isSuite) note(name, inSuite.failed === 0 ? { ...inSuite, failed: one.failed } : inSuite);
      inSuite = { passed: 0, failed: 0 };
    },
    tried: () => [...totals.values()],
  };
}

/** With UPDATE_DOCS=1 what was tried is written into docs/support.md. */
export function recordTried(tried: readonly Tried[], date = new Date()): void {
  if (process.env["UPDATE_DOCS"] !== "1" || tried.length === 0) return;
  const day = date.toISOString().slice(0, 10);
  const rows = tried.map(({ what, passed, failed }) => [
    what,
    failed === 0 ? `${passed} passed` : `${failed} FAILED`,
    day,
  ]);
  const table = [["with", "tests", "date"], ["---", "---", "---"], ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
  const text = readFileSync(DOCUMENT, "utf8");
  writeFileSync(
    DOCUMENT,
    changeTable(text, "versions", (known) => mergeRows(table, known)),
  );
}
