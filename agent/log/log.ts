import { constants } from "node:os";
import { type Logger, pino } from "pino";
import { systemClock } from "../lib/clock.ts";
import type { Config } from "../settings/config.ts";
import { createLineWriter, type LineWriter } from "../lib/line-writer.ts";
import { printable, printableJson } from "../text/printable.ts";

export type Log = Pick<Logger, "debug" | "info" | "warn" | "error">;

/** A log, and what it writes its lines with. */
export interface OpenLog {
  readonly log: Logger;
  readonly lines: Pick<LineWriter, "lost" | "flush" | "abandon">;
}

/** `write` as in `LineWriterInput`; for stderr, since stdout belongs to the subcommands' answers. */
export function createLog(
  { logLevel, logFormat }: Pick<Config, "logLevel" | "logFormat">,
  write: (bytes: Uint8Array) => number,
): OpenLog {
  const lines = createLineWriter({
    write,
    again: -constants.errno.EAGAIN,
    clock: systemClock,
    onRecovered: reportLost,
  });
  const format = logFormat === "json" ? printableJson : prettyLine;
  const options = {
    level: logLevel,
    base: null,
    // By name: pino's numbers say nothing to who reads or filters the log.
    formatters: { level: (name: string) => ({ level: name }) },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
  };
  const log = pino(options, { write: (line: string) => lines.write(format(line)) });
  function reportLost(lost: number): void {
    log.warn({ lost }, "Lost log lines: nothing read them");
  }
  return { log, lines };
}

/** One JSON line as `TIME LEVEL message key=value …`. */
function prettyLine(line: string): string {
  const { time, level, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const fields = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return `${printable([time, String(level).toUpperCase(), msg, ...fields].join(" "))}\n`;
}
