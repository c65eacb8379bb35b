import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { codeOf } from "../agent/lib/errors.ts";

/**
 * CPU time of a process with all its threads, in milliseconds (schedstat:
 * Documentation/scheduler/sched-stats.rst).
 */
export function cpuMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const ns = threads.map((thread) => runNs(`/proc/${pid}/task/${thread}/schedstat`));
  return ns.reduce((sum, value) => sum + value, 0) / 1e6;
}

/** What a process takes in so many seconds, in percent of one core; `used`: as {@link cpuMs}. */
export async function cpuDuring(
  { pid }: { readonly pid: number },
  seconds: number,
  used: (pid: number) => number = cpuMs,
): Promise<number> {
  const before = used(pid);
  await delay(seconds * 1000);
  return (used(pid) - before) / (seconds * 10);
}

const GONE: ReadonlySet<unknown> = new Set(["ENOENT", "ESRCH"]);

/** None for a thread that has ended since it was listed. */
function runNs(path: string): number {
  try {
    return Number(readFileSync(path, "utf8").split(" ")[0]);
  } catch (error) {
    if (GONE.has(codeOf(error))) return 0;
    throw error;
  }
}

/** A line of /proc/PID/status, in MB (proc_pid_status(5)). */
export function memoryMb(pid: number, name: "VmRSS" | "RssAnon" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1024;
}

/** How many clock ticks a second has (sysconf(_SC_CLK_TCK)): 100 on every architecture that we run on. */
const TICKS = 100;

/**
 * CPU time of the children that a process has waited for, in milliseconds (proc_pid_stat(5), cutime and
 * cstime).
 */
export function childrenCpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return ((Number(fields[13]) + Number(fields[14])) * 1000) / TICKS;
}
