import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { PageLab } from "./page-lab.ts";

const VIEWERS = 10;
const WARM_UP_ROUNDS = 3;
const ROUNDS = 7;
const ADDS = 30;

/** As the page's script asks. */
const PERIOD_MS = 2000;

/**
 * How much slower the median ADD may be with viewers than just before without; the median of all rounds,
 * since others use the machine too.
 */
const MAX_SLOWDOWN = 1.25;

/**
 * How much larger the agent may be after all that than it was when warm: ADDs alone make it grow by some 5 %
 * (main.netns.test.ts).
 */
const MAX_GROWTH = 1.2;

export function testViewers(getLab: () => PageLab): void {
  describe("ten viewers", () => {
    test("the agent's memory and the time of an ADD do not move", async () => {
      const { node, addPod, removePod } = getLab();
      const agent = await node.agent();
      const httpRelay = join(node.folder, "http.sock");
      const medianAdd = async (): Promise<number> => {
        const logged = agent.log().length;
        for (let index = 0; index < ADDS; index++) {
          assert.equal(await addPod("load/pod"), 0);
          await removePod("load/pod");
        }
        const times = [
          ...agent
            .log()
            .slice(logged)
            .matchAll(/"command":"ADD".*?"ms":([\d.]+)/g),
        ];
        assert.equal(times.length, ADDS);
        return median(times.map(([, ms]) => Number(ms)));
      };
      const medianWatched = async (): Promise<number> => {
        const stop = view(httpRelay);
        const result = await medianAdd();
        await stop();
        return result;
      };
      // Both, so that what is compiled and kept is there.
      for (let round = 0; round < WARM_UP_ROUNDS; round++) {
        await medianAdd();
        await medianWatched();
      }
      const bytesBefore = residentBytes(agent.pid);
      const rounds: { readonly alone: number; readonly watched: number }[] = [];
      for (let round = 0; round < ROUNDS; round++)
        rounds.push({ alone: await medianAdd(), watched: await medianWatched() });
      const growth = residentBytes(agent.pid) / bytesBefore;
      const slowdown = median(rounds.map(({ alone, watched }) => watched / alone));
      const texts = rounds.map(({ alone, watched }) => `${alone.toFixed(2)} → ${watched.toFixed(2)}`);
      console.log(
        `ADD without and with ${VIEWERS} viewers: ${texts.join(", ")} ms, factor ${slowdown.toFixed(2)}; RSS ${(bytesBefore / 1e6).toFixed(0)} MB, factor ${growth.toFixed(2)}`,
      );
      assert.ok(slowdown < MAX_SLOWDOWN, `factor ${slowdown}`);
      assert.ok(growth < MAX_GROWTH, `memory: factor ${growth}`);
    });
  });
}

/** Ten pages that ask at different moments; gives the function that closes them. */
function view(httpRelay: string): () => Promise<void> {
  const controller = new AbortController();
  const { signal } = controller;
  const look = async (viewer: number): Promise<void> => {
    let etag: string | undefined;
    await delay((viewer * PERIOD_MS) / VIEWERS, undefined, { signal });
    while (!signal.aborted) {
      etag = await get(httpRelay, etag);
      await delay(PERIOD_MS, undefined, { signal });
    }
  };
  const done = Promise.allSettled(Array.from({ length: VIEWERS }, (_, viewer) => look(viewer)));
  return async () => {
    controller.abort();
    for (const outcome of await done)
      if (outcome.status === "rejected" && !signal.aborted) throw outcome.reason;
  };
}

function get(socketPath: string, etag: string | undefined): Promise<string | undefined> {
  const headers = etag === undefined ? {} : { "if-none-match": etag };
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: "/", headers, agent: false }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.headers.etag));
    });
    asked.once("error", reject);
    asked.end();
  });
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
