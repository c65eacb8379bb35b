import { type KernelName } from "./kernels.ts";
import { type SuiteName } from "./suites.ts";

/** What a guest has told on its console about its suite. */
export interface GuestReport {
  readonly kernel: KernelName;
  readonly suite: SuiteName;
  /** Its kernel's release and package, versions of tools, figures: names as e2e/kernels/guest tells them. */
  readonly facts: Map<string, string>;
  readonly passed: Set<string>;
  /** Those too that were skipped: what could not run has not been shown. */
  readonly failed: Set<string>;
  /** What the guest had taken of processors when the suite began; undefined: it has not. */
  startMs: number | undefined;
  /** Undefined: the suite has not come to its end. */
  exitCode: number | undefined;
  tookMs: number;
  /** Why QEMU is gone, where the guest has not switched itself off. */
  broken: string | undefined;
  readonly lastLines: string[];
}

const MAX_LAST_LINES = 40;

export function newReport(kernel: KernelName, suite: SuiteName): GuestReport {
  return {
    kernel,
    suite,
    facts: new Map(),
    passed: new Set(),
    failed: new Set(),
    startMs: undefined,
    exitCode: undefined,
    tookMs: 0,
    broken: undefined,
    lastLines: [],
  };
}

/** Takes a line of the console into account; by then the guest has taken `cpuMs` of processors. */
export function addLine(report: GuestReport, line: string, cpuMs: number): void {
  report.lastLines.push(line);
  if (report.lastLines.length > MAX_LAST_LINES) report.lastLines.shift();
  // The firmware's last words are on the line of the first.
  const [, kind, rest = ""] = /guest: (fact|suite|end) (.*)$/.exec(line) ?? [];
  if (kind === "fact") {
    const [name = "", ...words] = rest.split(" ");
    report.facts.set(name, words.join(" "));
  } else if (kind === "suite") {
    report.startMs = cpuMs;
  } else if (kind === "end") {
    report.exitCode = Number(rest);
    report.tookMs = cpuMs - (report.startMs ?? cpuMs);
  } else addVerdict(report, line);
}

/** A test's line as Node's reporter `spec` writes it. */
const VERDICT = /^\s*([✔✖﹣]) (.*) \([\d.]+ms\)/;

function addVerdict({ passed, failed }: GuestReport, line: string): void {
  const [, verdict, test = ""] = VERDICT.exec(line) ?? [];
  if (verdict === "✔") passed.add(test);
  if (verdict === "✖") failed.add(test);
  if (verdict === "﹣") failed.add(`${test} (skipped)`);
}

/** Whether the suite came to its end, something was tested, and nothing failed. */
export function isGreen({ passed, failed, exitCode }: GuestReport): boolean {
  return exitCode === 0 && failed.size === 0 && passed.size > 0;
}

/**
 * What is wrong with the guest or its suite, with the console's last lines; undefined where nothing is. A
 * kernel that is none of those asked for is wrong too.
 */
export function describeFailure(report: GuestReport): string | undefined {
  const { kernel, suite, facts, passed, failed, broken, lastLines } = report;
  const release = facts.get("release") ?? "";
  const isOther = release !== "" && kernel !== "newest" && !release.startsWith(`${kernel}.`);
  if (isGreen(report) && !isOther) return undefined;
  const problems = [
    ...(isOther ? [`The guest has Linux ${release}`] : []),
    ...(broken === undefined ? [] : [broken]),
    `"${suite}" ${describeEnd(report)}; ${passed.size} tests passed, ${failed.size} failed`,
    ...[...failed].map((test) => `  ${test}`),
    "The console's last lines:",
    ...lastLines,
  ];
  return problems.join("\n");
}

function describeEnd({ startMs, exitCode }: GuestReport): string {
  if (startMs === undefined) return "has not begun";
  return exitCode === undefined ? "has not come to its end" : `ended with exit code ${exitCode}`;
}
