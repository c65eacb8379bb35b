import { readdirSync, readFileSync } from "node:fs";

/**
 * CPU time of a process with all its threads, in milliseconds (schedstat:
 * Documentation/scheduler/sched-stats.rst).
 */
export function cpuMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const ns = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]),
  );
  return ns.reduce((sum, value) => sum + value, 0) / 1e6;
}

/** A line of /proc/PID/status, in MB (proc_pid_status(5)). */
export function memoryMb(pid: number, name: "VmRSS" | "RssAnon" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1024;
}
