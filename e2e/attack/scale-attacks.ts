import assert from "node:assert/strict";
import { startProcess } from "../lib/process.ts";
import { waitFor } from "../lib/wait-for.ts";
import type { AttackGroup } from "./attack.ts";
import type { AttackLab } from "./attack-lab.ts";
import { assertNotHeldUp } from "./held-up.ts";

const MANY = 5000;

/** So many nodes behind the router, the first of them with another prefix each time. */
function manyNodes({ nodes }: AttackLab, change: number): string {
  const honest = nodes.map(({ place: { name, addresses, podCIDRs } }) => ({ name, addresses, podCIDRs }));
  const others = Array.from({ length: MANY }, (_, index) => {
    const [high, low] = [index >> 8, index & 255];
    const second = index === 0 ? 200 + (change % 2) : 100 + high;
    return {
      name: `many-${index}`,
      addresses: [`172.16.${high}.${low}`],
      podCIDRs: [`10.${second}.${low}.0/24`],
    };
  });
  return JSON.stringify([...honest, ...others]);
}

/** Links that somebody makes and deletes all the time, by group, since one by one they take too long to disturb anybody. */
const CHURN = `while :; do
  for i in $(seq 300); do echo "link add churn$i group 77 type bridge"; done | ip -batch -
  ip link del group 77
done`;

export const SCALE_ATTACKS: AttackGroup = {
  title: "too much of everything",
  attacks: [
    {
      title: "a nodes file of 5,000 entries, of which one changes all the time, holds up ADD, DEL and probes",
      cells: [],
      async run(lab) {
        const n1 = lab.node("n1");
        try {
          await assertNotHeldUp(lab, n1, async () => {
            n1.writeNodes(manyNodes(lab, 0));
            await waitFor(
              "the routes",
              async () => (await n1.agent().metric("causeway_peers")) > MANY || undefined,
              { timeoutMs: 60_000 },
            );
            let change = 0;
            const timer = setInterval(() => n1.writeNodes(manyNodes(lab, ++change)), 100);
            return async () => {
              clearInterval(timer);
              assert.ok(change > 0, "the file has changed");
            };
          });
        } finally {
          lab.setCluster();
          await waitFor(
            "the end of the nodes",
            async () => (await n1.agent().metric("causeway_peers")) < MANY || undefined,
            { timeoutMs: 60_000 },
          );
        }
      },
    },
    {
      title:
        "300 foreign links that come and go all the time hold up ADD, DEL, probes and a start of the agent",
      cells: [],
      async run(lab) {
        const n1 = lab.node("n1");
        await assertNotHeldUp(lab, n1, async () => {
          const command = [...n1.netns.enter, "sh", "-c", CHURN];
          const churn = await startProcess({ name: "churn", command, folder: lab.folder });
          await n1.stopAgent("SIGTERM");
          await n1.startAgent();
          return async () => {
            assert.ok(churn.isRunning(), "links come and go");
            await churn.stop("SIGKILL");
            // What the shell has started last may still be at work.
            await waitFor(
              "the end of the links",
              async () => {
                await n1.run("sh", "-c", "ip link del group 77 || true");
                return (await n1.run("ip", "link", "show", "group", "77")) === "" || undefined;
              },
              { timeoutMs: 10_000 },
            );
          };
        });
      },
    },
  ],
};
