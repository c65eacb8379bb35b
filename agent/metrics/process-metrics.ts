import { readdirSync, readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Registry } from "prom-client";
import { createStateGauges } from "./state-gauges.ts";

/** Often enough to see a hang, and so seldom that it wakes an idle agent five times a second. */
const EVENT_LOOP_SAMPLE_MS = 200;

/**
 * Registers what operators ask of any process, under the names that Prometheus's own clients use for it, and
 * the little of Node.js that tells why an agent is slow.
 */
export function registerProcessMetrics(register: Registry): void {
  const { gauge, counter } = createStateGauges(register);
  counter("process_cpu_seconds_total", "CPU time of the agent, in user mode and in the kernel.", cpuSeconds);
  const startedSeconds = Date.now() / 1000 - process.uptime();
  gauge("process_start_time_seconds", "Start of the agent, in seconds since 1970.", () => startedSeconds);
  gauge("process_resident_memory_bytes", "Resident memory of the agent.", process.memoryUsage.rss);
  gauge("process_open_fds", "Open file descriptors.", () => readdirSync("/proc/self/fd").length);
  gauge("process_max_fds", "Limit of file descriptors.", maxDescriptors);
  gauge("nodejs_heap_size_used_bytes", "V8 heap in use.", () => process.memoryUsage().heapUsed);

  const delay = monitorEventLoopDelay({ resolution: EVENT_LOOP_SAMPLE_MS });
  delay.enable();
  gauge("nodejs_eventloop_lag_max_seconds", "Longest event loop delay since the last scrape.", () => {
    // What is recorded is the time between two samples. Before the first one the maximum is 0.
    const lagSeconds = Math.max(0, delay.max / 1e9 - EVENT_LOOP_SAMPLE_MS / 1000);
    delay.reset();
    return lagSeconds;
  });
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** The soft limit; the kernel's "unlimited" is infinity. */
function maxDescriptors(): number {
  const [, limit = ""] = /^Max open files +(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
  return limit === "unlimited" ? Number.POSITIVE_INFINITY : Number(limit);
}
