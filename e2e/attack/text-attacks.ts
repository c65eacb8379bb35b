import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { REPOSITORY } from "../lib/tools.ts";
import type { LabNode } from "../nodes/cluster-lab.ts";
import { attachPod } from "../nodes/lab-pod.ts";
import type { AttackGroup } from "./attack.ts";
import type { AttackLab } from "./attack-lab.ts";

/** Clears a terminal, rings, writes over a line, and means something to a browser. */
const NASTY = "\u001b[2J\u0007\rroot\u009b31m<script>alert(1)</script>";

/** Control characters of C0 and C1; the ends of lines are taken away before. */
const CONTROL = /\p{Cc}/u;

/** Everything that the agent of a node tells people. */
async function toldBy(node: LabNode): Promise<Readonly<Record<string, string>>> {
  const program = join(REPOSITORY, "dist", "causeway.mjs");
  const status = (...flags: readonly string[]): Promise<string> =>
    node.run(process.execPath, program, "status", "--socket", node.socket, ...flags);
  return {
    log: node.agent().log(),
    status: await status("--all"),
    "status --json": await status("--json", "--all"),
    metrics: (await node.agent().get("/metrics")).body,
    readiness: (await node.agent().get("/readyz")).body,
  };
}

/**
 * While n1 has a pod and a foreign link with such names, and has been called for things that do not exist.
 */
async function withNastyNames(lab: AttackLab, work: (n1: LabNode) => Promise<void>): Promise<void> {
  const n1 = lab.node("n1");
  await n1.stopAgent("SIGTERM");
  await n1.startAgent("--log-format", "pretty");
  await n1.run("ip", "link", "add", "foreign0", "type", "bridge");
  await n1.run("ip", "link", "set", "foreign0", "alias", NASTY);
  const args = `IgnoreUnknown=1;K8S_POD_NAME=${NASTY};K8S_POD_NAMESPACE=${NASTY}`;
  try {
    const pod = await attachPod(n1, { name: `${lab.bystander.netns.name}-nasty`, args });
    await assert.rejects(async () => {
      const refused = await attachPod(n1, {
        name: `${lab.bystander.netns.name}-refused`,
        args: `IP=${NASTY}`,
      });
      await refused.remove();
    });
    await work(n1);
    await pod.remove();
  } finally {
    await n1.run("ip", "link", "del", "foreign0");
    await n1.stopAgent("SIGTERM");
    await n1.startAgent();
  }
}

const CONNECTIONS = 1000;

/** Connections to a unix socket that say nothing. */
async function holdSockets(path: string): Promise<readonly Socket[]> {
  const sockets: Socket[] = [];
  for (let index = 0; index < CONNECTIONS; index++) {
    const socket = connect(path);
    sockets.push(socket);
    await new Promise((resolve) => socket.once("connect", resolve).once("error", resolve));
  }
  return sockets;
}

const { O_NONBLOCK, O_RDWR } = constants;

/** Makes a FIFO into which nothing more fits, and keeps it open: gives its descriptor. */
function openFullFifo(path: string): number {
  execFileSync("mkfifo", [path]);
  const fifo = openSync(path, O_RDWR | O_NONBLOCK);
  try {
    for (;;) writeSync(fifo, "\n");
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, "EAGAIN");
  }
  return fifo;
}

/** The agent of n1 starts with a log that takes no line. */
async function withUnreadLog(lab: AttackLab, work: (n1: LabNode) => Promise<void>): Promise<void> {
  const n1 = lab.node("n1");
  const path = join(lab.folder, "unread-log");
  const fifo = openFullFifo(path);
  await n1.stopAgent("SIGTERM");
  try {
    await n1.startAgentWith({ stderr: path });
    await work(n1);
  } finally {
    await n1.stopAgent("SIGTERM");
    await n1.startAgent();
    closeSync(fifo);
  }
}

export const TEXT_ATTACKS: AttackGroup = {
  title: "the agent's other doors",
  attacks: [
    {
      title: "control characters and <script> in names of pods, arguments and aliases of links",
      cells: [],
      run: (lab) =>
        withNastyNames(lab, async (n1) => {
          for (const [what, text] of Object.entries(await toldBy(n1))) {
            const found = text.split("\n").find((line) => CONTROL.test(line));
            assert.equal(found === undefined ? undefined : JSON.stringify(found), undefined, what);
          }
        }),
    },
    {
      title: "1,000 idle connections on each of the agent's sockets",
      cells: [],
      async run(lab) {
        const n1 = lab.node("n1");
        const sockets = [...(await holdSockets(n1.socket)), ...(await holdSockets(`${n1.socket}.query`))];
        try {
          const pod = await attachPod(n1, { name: `${lab.bystander.netns.name}-idle` });
          await pod.remove();
          assert.equal((await n1.agent().get("/healthz")).status, 200);
        } finally {
          for (const socket of sockets) socket.destroy();
        }
      },
    },
    {
      title: "nothing reads what the agent logs",
      cells: [],
      run: (lab) =>
        withUnreadLog(lab, async (n1) => {
          const pod = await attachPod(n1, { name: `${lab.bystander.netns.name}-unread` });
          await pod.remove();
          assert.equal((await n1.agent().get("/healthz")).status, 200);
        }),
    },
  ],
};
