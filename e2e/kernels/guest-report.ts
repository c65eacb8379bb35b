/** What one suite has shown in a guest. */
export interface SuiteReport {
  readonly passed: Set<string>;
  readonly failed: Set<string>;
  /** Undefined: it has not come to its end. */
  exitCode: number | undefined;
  /** What the guest had taken of processors when it began, and what the suite took then. */
  readonly startMs: number;
  tookMs: number;
}

/** What a guest has told on its console. */
export interface GuestReport {
  /** Its kernel's release and package, versions of tools, figures: names as e2e/kernels/guest tells them. */
  readonly facts: Map<string, string>;
  readonly suites: Map<string, SuiteReport>;
  /** The suite whose lines come now. */
  current: SuiteReport | undefined;
}

export function newReport(): GuestReport {
  return { facts: new Map(), suites: new Map(), current: undefined };
}

/** Takes a line of the console into account; by then the guest has taken `cpuMs` of processors. */
export function addLine(report: GuestReport, line: string, cpuMs: number): void {
  // The firmware's last words are on the line of the first.
  const [, kind, rest = ""] = /guest: (fact|suite|end) (.*)$/.exec(line) ?? [];
  const [, verdict, test = ""] = /^\s*([✔✖]) (.*) \([\d.]+ms\)$/.exec(line) ?? [];
  if (kind === "fact") {
    const [name = "", ...words] = rest.split(" ");
    report.facts.set(name, words.join(" "));
  } else if (kind === "suite") {
    report.current = {
      passed: new Set(),
      failed: new Set(),
      exitCode: undefined,
      startMs: cpuMs,
      tookMs: 0,
    };
    report.suites.set(rest, report.current);
  } else if (kind === "end" && report.current !== undefined) {
    report.current.exitCode = Number(rest);
    report.current.tookMs = cpuMs - report.current.startMs;
    report.current = undefined;
  } else if (verdict !== undefined) {
    (verdict === "✔" ? report.current?.passed : report.current?.failed)?.add(test);
  }
}

/** Whether a suite came to its end, something was tested, and nothing failed. */
export function isGreen({ passed, failed, exitCode }: SuiteReport): boolean {
  return exitCode === 0 && failed.size === 0 && passed.size > 0;
}
