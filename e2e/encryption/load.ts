import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { startProcess } from "../lib/process.ts";
import { type ClusterLab, type LabNode, TCP_PORT } from "../nodes/cluster-lab.ts";
import type { EchoLoad } from "./echo-load.ts";
import { CALLED_FOR_MS, MARKER, script } from "./encrypted-lab.ts";

/**
 * Longest silence of a connection whose keys change: WireGuard repeats a lost call after 5 s, and TCP repeats
 * what is lost after 0.2 s, and then each time after twice as long: what is lost for less than 6.2 s is
 * repeated within 12.6 s.
 */
export const MAX_GAP_MS = 13_000;

export const others = (lab: ClusterLab, { name }: LabNode): readonly LabNode[] =>
  lab.nodes.filter((node) => node.name !== name);

/** Addresses of pods that serve TCP. */
export const serversOf = (nodes: readonly LabNode[]): readonly string[] =>
  nodes.flatMap(({ pods }) => pods[0].addresses);

/**
 * Connections from the second pod of each node to all servers of the others, which send a kilobyte every
 * `everyMs` until they are stopped.
 */
export async function startLoad(lab: ClusterLab, { everyMs }: { readonly everyMs: number }) {
  await using cleanUps = new AsyncDisposableStack();
  const folder = mkdtempSync(join(process.env["CAUSEWAY_E2E_FOLDER"] ?? "", "load-"));
  cleanUps.defer(() => rmSync(folder, { recursive: true }));
  const clients = await Promise.all(
    lab.nodes.map(async (node) => {
      const targets = serversOf(others(lab, node));
      const program = [
        process.execPath,
        script("echo-load.ts"),
        String(TCP_PORT),
        MARKER,
        String(everyMs),
        ...targets,
      ];
      const name = `load-${node.name}`;
      const client = await startProcess({ name, command: [...node.pods[1].netns.enter, ...program], folder });
      cleanUps.defer(async () => void (await client.stop()));
      return client;
    }),
  );
  for (const client of clients) await client.waitForLine(/^connected$/, CALLED_FOR_MS);
  const finish = cleanUps.move();
  return {
    /** Ends them, of which none may have ended by itself; gives the longest silence in milliseconds. */
    async stop(): Promise<number> {
      const seen = await Promise.all(
        clients.map(async (client) => {
          await client.stop();
          return Object.entries(JSON.parse(client.output().trim().split("\n").at(-1) ?? "") as EchoLoad);
        }),
      );
      const all = seen.flat();
      assert.deepEqual(
        all.filter(([, { error, bytes }]) => error !== undefined || bytes === 0),
        [],
      );
      return Math.max(...all.map(([, { gapMs }]) => gapMs));
    },
    [Symbol.asyncDispose]: () => finish.disposeAsync(),
  };
}
