import { pino } from "pino";
import type { Log } from "../log/log.ts";

/** A log for tests that do not look at it. */
export const silentLog: Log = pino({ level: "silent" });
