import type { TestContext } from "node:test";

/**
 * What each fault does, as the tests of agent/faults*.netns.test.ts prove it. docs/reliability.md has the
 * same table.
 */
export const FAULTS = {
  "agent killed during ADD": {
    fault: "SIGKILL of the agent at every step of ADD",
    seen: "ADD ends with code 11, or is done when the reply was sent",
    after: "DEL, with or without the agent, leaves nothing",
  },
  "agent killed during DEL": {
    fault: "SIGKILL of the agent at every step of DEL",
    seen: "DEL succeeds: the shim deletes the link itself",
    after: "the restarted agent has the addresses free",
  },
  "shim killed during ADD": {
    fault: "SIGKILL of the shim at every step of ADD",
    seen: "the agent takes the attachment back",
    after: "no link, no address; DEL succeeds",
  },
  "shim killed during DEL": {
    fault: "SIGKILL of the shim at every step of DEL",
    seen: "the agent finishes the deletion",
    after: "DEL again succeeds",
  },
  "shim killed before each call of ADD": {
    fault: "SIGKILL of the shim before each of its own system calls of ADD",
    seen: "a frame that breaks off is dropped, an attachment that no shim waits for is taken back",
    after: "DEL succeeds and leaves nothing",
  },
  "shim killed before each call of DEL": {
    fault: "SIGKILL of the shim before each of its own system calls of DEL",
    seen: "the agent deletes, or has not been asked",
    after: "DEL again succeeds and leaves nothing",
  },
  "shim killed before each call of DEL, agent away": {
    fault: "the same without an agent",
    seen: "the link is there or gone, never half",
    after: "DEL again succeeds; the next agent has the address free",
  },
  "netns removed during ADD": {
    fault: "the pod's namespace loses its last process at every step of ADD",
    seen: "ADD succeeds or fails; the namespace goes with the last descriptor",
    after: "DEL leaves nothing",
  },
  "nft missing": {
    fault: "no nft program at start",
    seen: "not ready, with the reason; no conflist, no socket: pods wait",
    after: "ready once nft is there and the agent is started again",
  },
  "nft failing": {
    fault: "nft fails while the agent starts",
    seen: "not ready, with what nft said; no conflist, no socket",
    after: "ready by itself within seconds once nft works",
  },
  "pool full": {
    fault: "all addresses are taken",
    seen: "ADD ends with code 101 and the counts, STATUS with 50",
    after: "a DEL makes room; nothing of the refused ADD is left",
  },
  "disk full": {
    fault: "no space in the folders of binaries and conflists",
    seen: "not ready, with the path; no half-written file",
    after: "ready by itself within seconds once there is space",
  },
  "disk read-only": {
    fault: "the folders of binaries and conflists turn read-only",
    seen: "pods are still served; a file that is missing is named in readiness",
    after: "the file is back within seconds once they are writable",
  },
} as const;

export type Fault = keyof typeof FAULTS;

/** The table as Markdown. */
export function formatFaultTable(): string {
  const rows = Object.values(FAULTS).map(({ fault, seen, after }) => `| ${fault} | ${seen} | ${after} |`);
  return ["| fault | effect | afterwards |", "|---|---|---|", ...rows].join("\n");
}

/** Prints the row that a test has proven. */
export function proveFault(t: TestContext, name: Fault): void {
  const { fault, seen, after } = FAULTS[name];
  t.diagnostic(`fault: ${fault} | seen: ${seen} | afterwards: ${after}`);
}
