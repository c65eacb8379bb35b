import assert from "node:assert/strict";
import { test } from "node:test";
import { runCommand } from "../lib/command.ts";
import type { Containerd } from "../lib/containerd.ts";
import type { PodStatus } from "../lib/cri.ts";
import { waitUntilHolds } from "../lib/wait-for.ts";
import { GATEWAYS, type PodLab } from "./pod-lab.ts";
import type { Pod } from "./pods.ts";
import { assertFewSockets } from "../../agent/testing/process/open-files.ts";
import { assertNodeIs, observeNode } from "./node-state.ts";

const PARALLEL_PODS = 10;

/** Ways in which a pod ends: none leaves a trace. */
export function testLifecycle(getLab: () => PodLab): void {
  const removals: readonly {
    readonly name: string;
    readonly remove: (lab: PodLab, id: string) => Promise<void>;
  }[] = [
    {
      name: "stopped and removed",
      remove: ({ pods }, id) => pods.remove(id),
    },
    {
      name: "stopped twice and removed twice",
      async remove({ containerd: { cri } }, id) {
        for (const call of [cri.stopPod, cri.stopPod, cri.removePod, cri.removePod]) await call(id);
      },
    },
    {
      name: "removed without a stop",
      remove: ({ containerd: { cri } }, id) => cri.removePod(id),
    },
    {
      name: "stopped by two calls at once",
      async remove({ containerd: { cri } }, id) {
        await Promise.all([cri.stopPod(id), cri.stopPod(id)]);
        await cri.removePod(id);
      },
    },
    {
      name: "stopped after its network namespace was removed",
      async remove({ containerd, pods }, id) {
        await removeNetnsFile(containerd, await containerd.cri.podStatus(id));
        await pods.remove(id);
      },
    },
    {
      name: "stopped after its process and its network namespace are gone, as by a reboot",
      async remove({ containerd, pods }, id) {
        const status = await containerd.cri.podStatus(id);
        await containerd.inside(["kill", "-KILL", String(status.pid)]);
        await removeNetnsFile(containerd, status);
        // A stop that meets the shim while it ends fails in containerd itself.
        const isKnown = async (): Promise<void> =>
          assert.equal((await containerd.cri.podStatus(id)).state, "SANDBOX_NOTREADY");
        await waitUntilHolds("containerd to see that the pod has ended", isKnown, { timeoutMs: 5000 });
        await pods.remove(id);
      },
    },
  ];
  for (const { name, remove } of removals) {
    test(`a pod that is ${name} leaves no link, address, neighbour, FDB entry or open file`, async (t) => {
      const lab = getLab();
      t.after(lab.pods.removeAll);
      const before = await observeNode(lab);
      const pod = await lab.pods.run("leaving");
      const during = await observeNode(lab);
      assert.equal(during.links.length, before.links.length + 1);
      assert.deepEqual(during.counts, {
        attachments: before.counts.attachments + 1,
        addresses: before.counts.addresses + 2,
      });
      await remove(lab, pod.id);
      assert.ok(!(await lab.containerd.cri.listPods()).includes(pod.id));
      await assertNodeIs(lab, before);
    });
  }

  test("a pod that has solicited routers leaves no neighbour of its link-local address", async (t) => {
    const lab = getLab();
    t.after(lab.pods.removeAll);
    await lab.agents.ready();
    const pod = await lab.pods.run("soliciting");
    const linkLocal = (await pod.view.addresses("eth0")).find(({ scope }) => scope === "link")?.local;
    // A pod without such an address never solicits.
    if (linkLocal !== undefined) await waitForSolicitation(pod);
    await lab.pods.remove(pod.id);
    const left = (await lab.nodeView.neighbours("cw0")).filter(({ dst }) => dst === linkLocal);
    assert.deepEqual(left, []);
  });

  test(`${PARALLEL_PODS} pods that start at once have addresses of their own, reach the gateway, and end at once`, async (t) => {
    const lab = getLab();
    t.after(lab.pods.removeAll);
    const before = await observeNode(lab);
    const names = Array.from({ length: PARALLEL_PODS }, (_, index) => `parallel-${index}`);
    const pods = await Promise.all(names.map((name) => lab.pods.run(name)));
    assert.equal(new Set(pods.flatMap(({ status }) => status.ips)).size, 2 * PARALLEL_PODS);
    for (const { enter } of pods) {
      for (const gateway of GATEWAYS)
        await runCommand([...enter, "ping", "-n", "-c", "1", "-W", "2", gateway]);
    }
    await Promise.all(pods.map(({ id }) => lab.pods.remove(id)));
    await assertNodeIs(lab, before);
    assertFewSockets((await lab.agents.ready()).countOpenFiles());
  });
}

/**
 * Duplicate address detection and the delay before the first solicitation take up to a second each (RFC 4861,
 * RFC 4862).
 */
async function waitForSolicitation({ enter }: Pod): Promise<void> {
  const solicits = async (): Promise<void> => {
    const counters = await runCommand([...enter, "cat", "/proc/self/net/snmp6"]);
    assert.match(counters, /^Icmp6OutRouterSolicits\s+[1-9]/m);
  };
  await waitUntilHolds("the pod's first router solicitation", solicits, { timeoutMs: 5000 });
}

async function removeNetnsFile(containerd: Containerd, { netnsPath }: PodStatus): Promise<void> {
  await containerd.inside(["umount", "--lazy", netnsPath]);
  await containerd.inside(["rm", netnsPath]);
}
