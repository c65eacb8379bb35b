import type { HearReadiness } from "../../lib/readiness.ts";

/** Logs each change of readiness once: what begins as a warning, what ends as information. */
export function logReadiness(
  log: Readonly<Record<"info" | "warn", (fields: object, message: string) => void>>,
): HearReadiness {
  return (kind, part, reason) => {
    if (reason === undefined) log.info({ part }, kind === "part" ? "Ready" : "Warning is over");
    else log.warn({ part, reason }, kind === "part" ? "Not ready" : "Warning");
  };
}
