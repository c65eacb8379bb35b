import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { host } from "./netns.ts";

/**
 * Everything of a network namespace that an agent, a shim or a pod may leave something in: few processes,
 * for tests ask often. The order of lines says nothing, but for nft.
 */
const DUMPS = [
  // "table all" has the routes of both families.
  // Other neighbours come and go with what pods send by themselves, such as a router solicitation.
  "printf '%s\\n' link address 'route show table all' 'neighbour show nud permanent' | ip -o -batch -",
  "bridge fdb",
] as const;
const RULES = "nft -s list ruleset";
const END = "# end";

/**
 * What follows from the presence of ports, which the bridge notices a moment later, the numbers that the
 * kernel counts up, and the addresses last given that the bridge's alias tells.
 */
const CHANGING = [
  /^\d+: /gm,
  /(?<=alias causeway bridge) [^\s\\]+/g,
  /NO-CARRIER,|,?LOWER_UP/g,
  / state [A-Z]+/g,
  / linkdown/g,
  / +$/gm,
];

/** The host's network as text, to be compared with that of another time. */
export async function dumpNodeState(): Promise<string> {
  const script = [...DUMPS, RULES].map((command) => `${command}; echo '${END}'`).join("\n");
  const state = await host(script);
  const sections = CHANGING.reduce((text, pattern) => text.replaceAll(pattern, ""), state).split(`${END}\n`);
  return sections.map((section, index) => (index < DUMPS.length ? sortLines(section) : section)).join("\n");
}

function sortLines(text: string): string {
  return text.split("\n").toSorted().join("\n");
}

const DEADLINE_MS = 3000;
const POLL_MS = 20;

/** Waits for what the kernel still takes down, then asserts that the host's network is as it was. */
export async function assertNodeState(before: string): Promise<void> {
  let now = await dumpNodeState();
  for (const deadlineMs = performance.now() + DEADLINE_MS; now !== before; now = await dumpNodeState()) {
    if (performance.now() > deadlineMs) break;
    await delay(POLL_MS);
  }
  assert.equal(now, before);
}
