/**
 * Whether the machine itself takes memory away from programs that are idle, as hosts of virtual machines do:
 * touches memory, waits, and touches it again. A kernel that had to fetch pages counts faults; what a host
 * fetches takes as long, and nobody in the machine counts it.
 * usage: node bench/idle-memory.ts [SECONDS]   default 80
 */
import { setTimeout } from "node:timers/promises";

const PAGES = 50_000;
const PAGE = 4096;
const seconds = Number(process.argv[2] ?? 80);
if (!(seconds >= 0)) throw new RangeError(`SECONDS "${process.argv[2]}" is not a number of at least 0`);

const memory = new Uint8Array(PAGES * PAGE).fill(1);

/** Reads one byte of each page. */
function touch(): string {
  const before = process.resourceUsage();
  const startMs = performance.now();
  let sum = 0;
  for (let at = 0; at < memory.length; at += PAGE) sum += memory[at] ?? 0;
  const ms = performance.now() - startMs;
  if (sum !== PAGES) throw new Error("memory has changed");
  const { minorPageFault, majorPageFault } = process.resourceUsage();
  const faults = minorPageFault + majorPageFault - before.minorPageFault - before.majorPageFault;
  return `${ms.toFixed(1)} ms, ${faults} page faults`;
}

touch();
console.log(`${PAGES} pages, just used: ${touch()}`);
await setTimeout(seconds * 1000);
console.log(`${PAGES} pages, after ${seconds} s: ${touch()}`);
console.log(`${PAGES} pages, at once again: ${touch()}`);
