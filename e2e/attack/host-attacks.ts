import assert from "node:assert/strict";
import { startProcess } from "../lib/process.ts";
import { waitFor } from "../lib/wait-for.ts";
import type { LabNode } from "../nodes/cluster-lab.ts";
import { attachPod } from "../nodes/lab-pod.ts";
import { datagramFrame, PORTS, sendFrames } from "./assault.ts";
import { type AttackGroup, type Cell, cellsAt } from "./attack.ts";
import type { AttackLab, Stand } from "./attack-lab.ts";
import { indexOf } from "./targets.ts";
import { assertNothingArrives } from "./watch.ts";

const LOOPBACK = ["127.0.0.1", "::1"] as const;

/** A host port, as runtimes ask for it. */
interface Mapping {
  readonly hostPort: number;
  readonly protocol: "tcp" | "udp";
  readonly hostIP?: string;
}

function podWith(lab: AttackLab, mapping: Mapping): Parameters<typeof attachPod>[1] {
  const runtimeConfig = { portMappings: [{ containerPort: 80, ...mapping }] };
  return { name: `${lab.bystander.netns.name}-port`, runtimeConfig };
}

/** While a pod of n1 has a host port at 127.0.0.1, which the kernel must let through to pods and back. */
async function withLoopbackPort(lab: AttackLab, work: (n1: LabNode) => Promise<void>): Promise<void> {
  const n1 = lab.node("n1");
  const pod = await attachPod(n1, podWith(lab, { hostPort: 8088, protocol: "tcp", hostIP: "127.0.0.1" }));
  try {
    await work(n1);
  } finally {
    await pod.remove();
  }
}

/** Sends to a loopback address of n1, and from one: nothing may reach a socket there. */
async function reachLoopback(lab: AttackLab, cell: Cell, attacker: Stand): Promise<void> {
  const of = indexOf(cell);
  const n1 = lab.node("n1");
  const address = n1.place.addresses[of] ?? "";
  await assertNothingArrives(lab, {
    victim: n1.netns,
    sense: "socket",
    attack: (data) =>
      sendFrames(lab, attacker, [
        datagramFrame(attacker, { destination: LOOPBACK[of], data }),
        datagramFrame(attacker, { source: LOOPBACK[of], destination: address, data }),
        datagramFrame(attacker, { source: LOOPBACK[of], destination: LOOPBACK[of], data }),
      ]),
    honest: (data) => sendFrames(lab, attacker, [datagramFrame(attacker, { destination: address, data })]),
  });
}

/** With all of nftables flushed, and an agent that cannot put anything back. */
async function whileTheGuardIsGone(node: LabNode, work: () => Promise<void>): Promise<void> {
  const { pid } = node.agent();
  process.kill(pid, "SIGSTOP");
  try {
    await node.run("nft", "flush", "ruleset");
    await work();
  } finally {
    process.kill(pid, "SIGCONT");
    await waitFor(
      "the tables",
      async () => (await node.run("nft", "list", "ruleset")).includes("masquerade") || undefined,
      { timeoutMs: 10_000 },
    );
  }
}

async function attackerOf(lab: AttackLab, { place }: Cell): Promise<Stand> {
  return place === "node" ? lab.attackerOn("n1") : lab.foreign;
}

/** Asks for a host port that somebody has: the ADD is refused, and says who has it. */
async function assertRefused(lab: AttackLab, mapping: Mapping): Promise<void> {
  await assert.rejects(
    async () => {
      const pod = await attachPod(lab.node("n1"), podWith(lab, mapping));
      await pod.remove();
    },
    new RegExp(`${mapping.hostPort}`),
  );
}

export const HOST_ATTACKS: AttackGroup = {
  title: "the node itself",
  attacks: [
    {
      title:
        "a pod, or a machine of the segment, reaches the node's loopback while a host port of it is open",
      cells: cellsAt("node", "direct"),
      run: (lab, cell) =>
        withLoopbackPort(lab, async () => reachLoopback(lab, cell, await attackerOf(lab, cell))),
    },
    {
      title: 'the same after "nft flush ruleset", with the agent stopped',
      cells: cellsAt("node", "direct"),
      run: (lab, cell) =>
        withLoopbackPort(lab, (n1) =>
          whileTheGuardIsGone(n1, async () => reachLoopback(lab, cell, await attackerOf(lab, cell))),
        ),
    },
    {
      title: "a pod asks for the host port of the agent, of a server of the node, and of the overlay",
      cells: cellsAt("node"),
      async run(lab, cell) {
        const hostIP = lab.node("n1").place.addresses[indexOf(cell)] ?? "";
        const { enter } = lab.node("n1").netns;
        const command = [...enter, lab.program, "receive", String(PORTS.to)];
        const server = await startProcess({ name: "server", command, folder: lab.folder });
        try {
          await server.waitForLine(/^listening$/, 5000);
          await assertRefused(lab, { hostPort: 9655, protocol: "tcp" });
          await assertRefused(lab, { hostPort: PORTS.to, protocol: "udp", hostIP });
          await assertRefused(lab, { hostPort: PORTS.to, protocol: "udp" });
          await assertRefused(lab, { hostPort: 4789, protocol: "udp", hostIP });
        } finally {
          await server.stop("SIGKILL");
        }
      },
    },
  ],
};
