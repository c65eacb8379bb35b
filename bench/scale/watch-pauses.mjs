/**
 * Loaded into an agent, as JavaScript, since to strip types takes 15 MB: watches how long its event loop stands
 * still, from the start on. SIGUSR2 ends that, and tells the longest pause on stderr; the next one begins it
 * again. To watch takes a hundred wake-ups a second, as much CPU as an idle agent.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";

const delays = monitorEventLoopDelay({ resolution: 10 });
delays.enable();

process.on("SIGUSR2", () => {
  if (delays.enable()) {
    process.stderr.write("watching pauses\n");
    return;
  }
  delays.disable();
  process.stderr.write(`longest pause: ${(delays.max / 1e6).toFixed(1)} ms\n`);
  delays.reset();
});
