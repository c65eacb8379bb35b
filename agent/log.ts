import { type Logger, pino } from "pino";
import type { Config } from "./config.ts";

export type Log = Pick<Logger, "debug" | "info" | "warn" | "error">;

const LEVEL_NAMES: Readonly<Record<string, string>> = {
  10: "TRACE",
  20: "DEBUG",
  30: "INFO",
  40: "WARN",
  50: "ERROR",
};

/** A logger on stderr: stdout belongs to the subcommands' answers. */
export function createLog({ logLevel, logFormat }: Pick<Config, "logLevel" | "logFormat">): Logger {
  const options = {
    level: logLevel,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
  };
  const destination = pino.destination({ dest: 2, sync: true });
  if (logFormat === "json") return pino(options, destination);
  return pino(options, { write: (line: string) => destination.write(prettyLine(line)) });
}

/** One JSON line as `TIME LEVEL message key=value …`. */
export function prettyLine(line: string): string {
  const { time, level, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const fields = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return `${[time, LEVEL_NAMES[String(level)] ?? level, msg, ...fields].join(" ")}\n`;
}
