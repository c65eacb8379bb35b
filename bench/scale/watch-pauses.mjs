/**
 * Loaded into an agent, as JavaScript, since to strip types takes 15 MB: tells on stderr, whenever it gets
 * SIGUSR2, how long its event loop stood still at most since the last time.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";

const delays = monitorEventLoopDelay({ resolution: 10 });
delays.enable();

process.on("SIGUSR2", () => {
  process.stderr.write(`longest pause: ${(delays.max / 1e6).toFixed(1)} ms\n`);
  delays.reset();
});
