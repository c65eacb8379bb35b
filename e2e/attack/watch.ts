import assert from "node:assert/strict";
import type { Netns } from "../lib/netns.ts";
import { type ManagedProcess, startProcess } from "../lib/process.ts";
import { waitFor } from "../lib/wait-for.ts";
import { PORTS } from "./assault.ts";
import type { AttackLab } from "./attack-lab.ts";
import { ascii, hex } from "../../agent/testing/packets/frames/bytes.ts";

/** How an arrival is noticed: on any link of the victim before all filters, or by a socket, after them. */
export type Sense = "links" | "socket";

export interface Proof {
  readonly victim: Netns;
  readonly sense?: Sense;
  /** Which arrivals count; all when undefined. */
  readonly matters?: (line: string) => boolean;
  /** Sends what must not arrive, with this as data. */
  readonly attack: (data: Uint8Array) => Promise<void>;
  /**
   * Sends the same as an honest sender would, on the same way and behind it: it must arrive, and proves that
   * the way is open.
   */
  readonly honest: (data: Uint8Array) => Promise<void>;
}

let proofs = 0;

/** Proves that nothing of an attack arrives, and that what is honest does. */
export async function assertNothingArrives(lab: AttackLab, proof: Proof): Promise<void> {
  const arrived = await arrivals(lab, proof);
  assert.deepEqual(arrived, [], "arrived at the victim");
}

/** The lines in which the victim's watch tells of what an attack sent. */
export async function arrivals(lab: AttackLab, proof: Proof): Promise<readonly string[]> {
  const { victim, sense = "links", matters = () => true, attack, honest } = proof;
  proofs += 1;
  const marker = `cw-attack-${String(proofs).padStart(5, "0")}`;
  const [bad, good] = [ascii(`${marker}-bad`), ascii(`${marker}-good`)];
  const watch = await startWatch(
    lab,
    victim,
    sense === "links" ? ["capture", marker] : ["receive", String(PORTS.to)],
  );
  try {
    await attack(bad);
    await waitFor(
      "an honest packet",
      async () => {
        await honest(good);
        return watch.output().includes(hex(good)) || undefined;
      },
      { timeoutMs: 10_000 },
    );
    return watch
      .output()
      .split("\n")
      .filter((line) => line.includes(hex(bad)) && matters(line));
  } finally {
    await watch.stop("SIGKILL");
  }
}

async function startWatch(lab: AttackLab, victim: Netns, mode: readonly string[]): Promise<ManagedProcess> {
  const command = [...victim.enter, lab.program, ...mode];
  const watch = await startProcess({ name: "watch", command, folder: lab.folder });
  await watch.waitForLine(/^listening$/, 5000);
  return watch;
}
