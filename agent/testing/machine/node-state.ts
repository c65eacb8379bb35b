import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { runOnHost } from "./netns.ts";

/** Everything of a network namespace that an agent, a shim or a pod may leave something in. */
const DUMPS = [
  "ip -o link | sort",
  "ip -o address | sort",
  "ip route show table all | sort",
  "ip -6 route show table all | sort",
  // Others come and go with what pods and their neighbours send by themselves, such as a router solicitation.
  "ip neighbour show nud permanent | sort",
  "bridge fdb | sort",
  "nft -s list ruleset",
];

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

/** The host's network as text, by command, to be compared with that of another time. */
export async function dumpNodeState(): Promise<string> {
  const script = DUMPS.map((command) => `echo '# ${command}'; ${command}`).join("\n");
  const state = await runOnHost("sh", "-ec", script);
  return CHANGING.reduce((text, pattern) => text.replaceAll(pattern, ""), state);
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
