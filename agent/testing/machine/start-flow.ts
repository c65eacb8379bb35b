import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { endPrivileged, privileged } from "../runner/privileged.ts";
import { eventually } from "./eventually.ts";
import type { Netns } from "./netns.ts";

/** 15 ticks. */
const QUIET_MS = 300;

const PROGRAM = new URL("../packets/ticking-flow.ts", import.meta.url).pathname;

/** What one end of a flow has received. */
export interface Received {
  readonly tcp: number;
  readonly udp: number;
}

/** A TCP connection and a UDP flow, each of which carries a byte every 20 ms both ways. */
export interface TickingFlow {
  /** Bytes that have arrived so far, at who began and at who was asked. */
  received(): { readonly talker: Received; readonly listener: Received };
  /** Resolves when more has arrived at both ends, over TCP and over UDP. */
  goesOn(): Promise<void>;
  /**
   * Resolves when nothing has arrived at either end for some ticks, though both go on to send. What was on
   * its way before may still arrive.
   */
  stops(): Promise<void>;
}

export interface FlowEnds {
  readonly from: Netns;
  readonly to: Netns;
  /** Of `to`; `asked` is what the talker asks for, where that is translated. */
  readonly address: string;
  readonly asked?: string;
  readonly port: number;
}

/** Starts one; it ends with the test. */
export async function startFlow(
  context: TestContext,
  { from, to, address, asked = address, port }: FlowEnds,
): Promise<TickingFlow> {
  const folder = mkdtempSync(join(tmpdir(), "flow-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const start = async (netns: Netns, role: "listen" | "talk", at: string): Promise<string> => {
    const file = join(folder, role);
    const { pid } = await privileged({
      command: [process.execPath, PROGRAM, role, at, String(port), file],
      netns: netns.path,
      background: true,
    });
    context.after(() => endPrivileged(pid));
    return file;
  };
  const listener = await start(to, "listen", address);
  const talker = await start(from, "talk", asked);
  const received = () => ({ talker: count(talker), listener: count(listener) });
  const flow: TickingFlow = {
    received,
    async goesOn() {
      const before = received();
      await eventually(
        "bytes arrive at both ends, over TCP and UDP",
        () => hasMore(before.talker, count(talker)) && hasMore(before.listener, count(listener)),
        () => ({ before, now: received() }),
      );
    },
    async stops() {
      await eventually("nothing arrives at either end", async () => {
        const before = received();
        await delay(QUIET_MS);
        return isDeepStrictEqual(received(), before);
      });
    },
  };
  await flow.goesOn();
  return flow;
}

function count(file: string): Received {
  const text = readFileSync(file, "latin1");
  const udp = text.split("u").length - 1;
  return { tcp: text.length - udp, udp };
}

function hasMore(before: Received, now: Received): boolean {
  return now.tcp > before.tcp && now.udp > before.udp;
}
