import assert from "node:assert/strict";
import { join } from "node:path";
import { runCommand } from "../lib/command.ts";
import { startProcess } from "../lib/process.ts";
import { REPOSITORY } from "../lib/tools.ts";
import type { LabNode } from "../nodes/cluster-lab.ts";
import { confined } from "./assault.ts";
import { type AttackGroup, type Cell, cellsAt } from "./attack.ts";
import type { AttackLab } from "./attack-lab.ts";
import { assertNotHeldUp } from "./held-up.ts";
import { indexOf } from "./targets.ts";

const PORT = "9655";

function script(name: string): readonly string[] {
  return [process.execPath, join(REPOSITORY, "e2e", "attack", name)];
}

/**
 * While n1's agent serves HTTP at the node's address of the cell, as the chart has it, and probes where the
 * lab asks.
 */
async function whileServing(
  lab: AttackLab,
  cell: Cell,
  work: (n1: LabNode, address: string) => Promise<void>,
): Promise<void> {
  const n1 = lab.node("n1");
  const address = n1.place.addresses[indexOf(cell)] ?? "";
  const listen = address.includes(":") ? `[${address}]:${PORT}` : `${address}:${PORT}`;
  await n1.stopAgent("SIGTERM");
  await n1.startAgent("--http", listen, "--probes", `127.0.0.1:${PORT}`);
  try {
    await work(n1, address);
  } finally {
    await n1.stopAgent("SIGTERM");
    await n1.startAgent();
  }
}

/** What a pod of n1 without capabilities gets for bytes to the agent's port. */
function ask(n1: LabNode, address: string, bytes: string): Promise<string> {
  const command = [...n1.pods[0].netns.enter, ...confined("none"), ...script("ask.ts"), address, PORT];
  return runCommand(command, { input: bytes });
}

function countAnswers(text: string): number {
  return text.split("HTTP/1.1 ").length - 1;
}

async function flood(lab: AttackLab, n1: LabNode, address: string): Promise<void> {
  const client = [...n1.pods[0].netns.enter, ...confined("none"), ...script("http-flood.ts")];
  const command = [...client, address, PORT, "64"];
  await assertNotHeldUp(lab, n1, async () => {
    const flooder = await startProcess({ name: "flood", command, folder: lab.folder });
    await flooder.waitForLine(/^flooding$/, 10_000);
    return async () => {
      assert.ok(flooder.isRunning(), "the flood goes on");
      await flooder.stop("SIGKILL");
    };
  });
}

/**
 * Requests that two programs might read differently, or that are too much: each gets one answer at most, and
 * that is a refusal.
 */
const MALFORMED: Readonly<Record<string, string>> = {
  "two lengths": "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\n",
  "length and chunks":
    "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  "disguised chunks": "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : xchunked\r\n\r\n0\r\n\r\n",
  "a folded header": "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
  "bare line feeds in a header": "GET /metrics HTTP/1.1\r\nHost: localhost\nX: a\r\n\r\n",
  "a megabyte of one header": `GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(1 << 20)}\r\n\r\n`,
  "twenty thousand headers": `GET /metrics HTTP/1.1\r\nHost: localhost\r\n${"X: y\r\n".repeat(20_000)}\r\n`,
  "a megabyte of path": `GET /${"x".repeat(1 << 20)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
};

const FOLLOWER = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

export const HTTP_ATTACKS: AttackGroup = {
  title: "HTTP",
  attacks: [
    {
      title: "64 connections of pipelined requests from a pod hold up ADD, DEL and probes",
      cells: cellsAt("node"),
      run: (lab, cell) => whileServing(lab, cell, (n1, address) => flood(lab, n1, address)),
    },
    {
      title: "a pod holds 1,000 connections that say nothing",
      cells: cellsAt("node"),
      run: (lab, cell) =>
        whileServing(lab, cell, (n1, address) =>
          assertNotHeldUp(lab, n1, async () => {
            const holder = [...n1.pods[0].netns.enter, ...confined("none"), lab.program, "hold"];
            const command = [...holder, address, PORT, "1000"];
            const held = await startProcess({ name: "hold", command, folder: lab.folder });
            await held.waitForLine(/^listening/, 20_000);
            return async () => void (await held.stop("SIGKILL"));
          }),
        ),
    },
    {
      title: "a pod reads the node's page and report, and a browser is led to them under another name",
      cells: cellsAt("node"),
      run: (lab, cell) =>
        whileServing(lab, cell, async (n1, address) => {
          const host = address.includes(":") ? `[${address}]` : address;
          const get = (path: string, name = `${host}:${PORT}`): Promise<string> =>
            ask(n1, address, `GET ${path} HTTP/1.1\r\nHost: ${name}\r\n\r\n`);
          assert.match(await get("/metrics"), /^HTTP\/1.1 200 [^]*causeway_/);
          for (const path of ["/", "/report.json"]) {
            const answer = await get(path);
            assert.match(answer, /^HTTP\/1.1 4/);
            assert.doesNotMatch(answer, /10\.244\.|fd00:|<html/i);
          }
          const rebound = await get("/metrics", "attacker.example");
          assert.match(rebound, /^HTTP\/1.1 4/);
          assert.doesNotMatch(rebound, /causeway_/);
        }),
    },
    {
      title: "smuggled requests and header bombs",
      cells: cellsAt("node"),
      run: (lab, cell) =>
        whileServing(lab, cell, async (n1, address) => {
          for (const [what, bytes] of Object.entries(MALFORMED)) {
            const answer = await ask(n1, address, `${bytes}${FOLLOWER}`);
            assert.ok(countAnswers(answer) <= 1, `answers to ${what}: ${answer.slice(0, 500)}`);
            assert.doesNotMatch(answer, /causeway_/, what);
          }
          assert.match(await ask(n1, address, FOLLOWER.replace("localhost", n1.name)), /^HTTP\/1.1 200 /);
        }),
    },
  ],
};
