import assert from "node:assert/strict";
import { verifyThrough } from "../lib/ask-agent.ts";
import { waitFor } from "../lib/wait-for.ts";
import type { LabNode } from "../nodes/cluster-lab.ts";
import type { Cell } from "./attack.ts";
import type { AttackLab } from "./attack-lab.ts";
import { nodeObject, type ObjectLab } from "./node-objects.ts";
import { indexOf } from "./targets.ts";

/** An attack by Nodes that are deleted and made again under their names, which is made on n1. */
interface RebirthAttack {
  readonly title: string;
  readonly run: (lab: AttackLab, objects: ObjectLab, cell: Cell) => Promise<void>;
}

/** As in "via 192.0.2.12 dev up0": how a node reaches a pod of another one. */
async function wayTo(node: LabNode, prefix: string): Promise<string> {
  const line = await node.run("ip", "-o", "route", "get", prefix.replace(/(0\/24|\/64)$/, "5"));
  return /via \S+ dev \S+/.exec(line)?.[0] ?? line;
}

/** The Node that is made again: a neighbour of n1 or one behind the overlay; and the other one. */
function nodesOf(lab: AttackLab, { place }: Cell): readonly [LabNode, LabNode] {
  const [near, far] = [lab.node("n2"), lab.node("n3")];
  return place === "direct" ? [near, far] : [far, near];
}

async function waysTo(lab: AttackLab, cell: Cell): Promise<readonly string[]> {
  const nodes = nodesOf(lab, cell);
  return Promise.all(nodes.map(({ place }) => wayTo(lab.node("n1"), place.podCIDRs[indexOf(cell)] ?? "")));
}

type How = "watched" | "unwatched";

type Attempt = (lab: AttackLab, objects: ObjectLab, cell: Cell, how: How) => Promise<void>;

/** It is younger than the Node whose prefixes it claims, which therefore keeps them. */
async function takePrefixes(lab: AttackLab, objects: ObjectLab, cell: Cell, how: How): Promise<void> {
  const n1 = lab.node("n1");
  const [again, victim] = nodesOf(lab, cell);
  const before = await waysTo(lab, cell);
  const logged = n1.agent().log().length;
  await objects.setOthers([nodeObject({ ...again.place, podCIDRs: victim.place.podCIDRs }, 40)], how);
  const refusal = `node \\"${again.place.name}\\" claims ${victim.place.podCIDRs[indexOf(cell)]}`;
  await waitFor("the refusal", () => n1.agent().log().slice(logged).includes(refusal) || undefined, {
    timeoutMs: 60_000,
  });
  await verifyThrough(n1.socket);
  const [, after] = await waysTo(lab, cell);
  assert.equal(after, before[1]);
  await restore(lab, objects, cell, before);
}

/** Both are made again with each other's prefixes: each is reached where its Node says, and nowhere else. */
async function swapPrefixes(lab: AttackLab, objects: ObjectLab, cell: Cell, how: How): Promise<void> {
  const nodes = nodesOf(lab, cell);
  const before = await waysTo(lab, cell);
  const swapped = nodes.map(({ place }, index) =>
    nodeObject({ ...place, podCIDRs: nodes[1 - index]?.place.podCIDRs ?? [] }, 40 + index),
  );
  await objects.setOthers(swapped, how);
  const device = (way: string | undefined): string | undefined => way?.split(" dev ")[1];
  await waitFor(
    "both ways to be swapped",
    async () => {
      const [first, second] = await waysTo(lab, cell);
      return (device(first) === device(before[1]) && device(second) === device(before[0])) || undefined;
    },
    { timeoutMs: 60_000 },
  );
  await verifyThrough(lab.node("n1").socket);
  await restore(lab, objects, cell, before);
}

async function restore(
  lab: AttackLab,
  objects: ObjectLab,
  cell: Cell,
  before: readonly string[],
): Promise<void> {
  await objects.setOthers([]);
  const isRestored = async (): Promise<true | undefined> =>
    (await waysTo(lab, cell)).join() === before.join() || undefined;
  await waitFor("the ways as they were", isRestored, { timeoutMs: 60_000 });
}

const WHEN = [
  { how: "watched", when: "in one batch of a watch" },
  { how: "unwatched", when: "between two lists" },
] as const;

const ATTEMPTS: readonly { readonly what: string; readonly attempt: Attempt }[] = [
  {
    what: "a Node is deleted and made again under its name with another node's PodCIDRs",
    attempt: takePrefixes,
  },
  {
    what: "two Nodes are made again under their names with each other's PodCIDRs",
    attempt: swapPrefixes,
  },
];

export const REBIRTH_ATTACKS: readonly RebirthAttack[] = WHEN.flatMap(({ how, when }) =>
  ATTEMPTS.map(({ what, attempt }) => ({
    title: `${what}, ${when}`,
    async run(lab, objects, cell) {
      if (how === "unwatched") await objects.restartAgent();
      await attempt(lab, objects, cell, how);
    },
  })),
);
