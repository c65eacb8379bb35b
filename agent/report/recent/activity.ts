import type { Log } from "../../log/log.ts";
import { cutText } from "../../text/cut-text.ts";
import type { CallRecord, ProblemRecord, RepairRecord } from "../node-report.ts";
import { createRing } from "./ring.ts";

/** How much of each kind is kept: some 60 KB in all. */
const KEPT_CALLS = 64;
const KEPT_REPAIRS = 32;
const KEPT_PROBLEMS = 32;

type Write = (fields: object, message: string) => void;

/** What is used of a log. */
type WrittenLog = Readonly<Record<ProblemRecord["level"] | "debug" | "info", Write>>;

/** What has happened of late. */
export interface Activity {
  /**
   * Remembers a request, whose names were cut where it was served. Kubelets poll STATUS every five seconds:
   * it is kept only when it fails.
   */
  served(call: Omit<CallRecord, "atMs">): void;
  repaired(kind: string, fault: string): void;
  /** A log that does the same, and whose warnings and errors are remembered here. */
  noting(log: WrittenLog): Log;
  calls(): readonly CallRecord[];
  repairs(): readonly RepairRecord[];
  problems(): readonly ProblemRecord[];
}

/** `dateMs`: milliseconds since the epoch. */
export function createActivity(dateMs: () => number): Activity {
  const calls = createRing<CallRecord>(KEPT_CALLS);
  const repairs = createRing<RepairRecord>(KEPT_REPAIRS);
  const problems = createRing<ProblemRecord>(KEPT_PROBLEMS);

  const note = (level: ProblemRecord["level"], fields: object, message: string): void => {
    // Repairs and calls have rings of their own.
    if (("kind" in fields && "fault" in fields) || "command" in fields) return;
    problems.push({ atMs: dateMs(), level, message: cutText(describe(message, fields)) });
  };

  return {
    served(call) {
      const { code, command, error } = call;
      if (code === 0 && (command === "STATUS" || command === "VERSION")) return;
      calls.push({ ...call, atMs: dateMs(), error: error === undefined ? undefined : cutText(error) });
    },
    repaired: (kind, fault) => repairs.push({ atMs: dateMs(), kind, fault: cutText(fault) }),
    noting: (log) => ({
      debug: (fields: object, message = "") => log.debug(fields, message),
      info: (fields: object, message = "") => log.info(fields, message),
      warn(fields: object, message = "") {
        note("warn", fields, message);
        log.warn(fields, message);
      },
      error(fields: object, message = "") {
        note("error", fields, message);
        log.error(fields, message);
      },
    }),
    calls: calls.list,
    repairs: repairs.list,
    problems: problems.list,
  };
}

function describe(message: string, fields: object): string {
  const values = Object.values(fields).map((value: unknown) =>
    typeof value === "string" ? value : JSON.stringify(value),
  );
  return values.length === 0 ? message : `${message}: ${values.join(", ")}`;
}
