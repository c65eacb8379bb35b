import assert from "node:assert/strict";
import { ping } from "../lib/netns.ts";
import { addPod, assertFailure, assertSuccess, type CniLab, type Pod, testInLab } from "./cni-lab.ts";
import { writeConflist } from "./conflists.ts";
import type { GcCall } from "./libcni.ts";
import { GATEWAYS, observeTraces } from "./node-lab.ts";

/** GC deletes what is not in the list of valid attachments, of its own network only. */
export function testGc(getLab: () => CniLab): void {
  for (const cache of ["kept", "lost"] as const) {
    testInLab(
      `GC deletes exactly what is not in the list, with libcni's cache ${cache}`,
      getLab,
      async (lab) => {
        const { node, libcni } = lab;
        const pods = [await addPod(lab), await addPod(lab), await addPod(lab), await addPod(lab)];
        const [one, two, three, four] = pods as [Pod, Pod, Pod, Pod];
        assertSuccess(await libcni.gc({ conflist: node.conflist, valid: validOf(one, three), cache }));
        assert.deepEqual(await survivors(lab, pods), [one.id, three.id]);
        for (const { enter } of [one, three]) await ping(enter, GATEWAYS[0]);
        for (const { view } of [two, four])
          assert.ok(!(await view.links()).some(({ ifname }) => ifname === "eth0"));
        for (const pod of [one, three]) assertSuccess(await libcni.check({ conflist: node.conflist, pod }));
      },
    );
  }

  // A runtime written in Go that appends valid attachments to a nil slice, and has none, sends null.
  const emptyLists: readonly { readonly name: string; readonly valid: GcCall["valid"] }[] = [
    { name: "an empty list", valid: [] },
    { name: "Go's nil for an empty list", valid: null },
  ];
  for (const { name, valid } of emptyLists) {
    testInLab(
      `GC with ${name} deletes all attachments of its network and none of another's`,
      getLab,
      async (lab) => {
        const { node, libcni } = lab;
        const otherConflist = writeConflist(node, "gc-other", { name: "other" });
        const pods = [await addPod(lab), await addPod(lab)];
        const others = [
          await addPod(lab, { conflist: otherConflist }),
          await addPod(lab, { conflist: otherConflist }),
        ];
        assertSuccess(await libcni.gc({ conflist: node.conflist, valid, cache: "lost" }));
        assert.deepEqual(
          await survivors(lab, [...pods, ...others]),
          others.map(({ id }) => id),
        );
        for (const pod of others) assertSuccess(await libcni.check({ conflist: otherConflist, pod }));
        assertSuccess(await libcni.gc({ conflist: otherConflist, valid, cache: "lost" }));
        assert.deepEqual(await survivors(lab, others), []);
      },
    );
  }

  testInLab("GC without a list deletes nothing and says 7", getLab, async (lab) => {
    const { node, libcni } = lab;
    const pod = await addPod(lab);
    const call = { conflist: node.conflist, valid: undefined, cache: "lost" } as const;
    assertFailure(await libcni.gc(call), 7, "cni.dev/valid-attachments");
    assertSuccess(await libcni.check({ conflist: node.conflist, pod }));
  });

  testInLab("GC tells interfaces of one container apart", getLab, async (lab) => {
    const { node, libcni } = lab;
    const { conflist } = node;
    const pod = await addPod(lab);
    assertSuccess(await libcni.add({ conflist, pod, ifname: "net1" }));
    assertSuccess(await libcni.gc({ conflist, valid: validOf(pod), cache: "lost" }));
    const left = (await pod.view.links()).map(({ ifname }) => ifname);
    assert.deepEqual(left.toSorted(), ["eth0", "lo"]);
    assertSuccess(await libcni.check({ conflist, pod }));
  });

  testInLab(
    "GC succeeds when namespaces have vanished, again, and for attachments that it does not know",
    getLab,
    async (lab) => {
      const { node, libcni, sandboxes } = lab;
      const [kept, lost] = [await addPod(lab), await addPod(lab)];
      await sandboxes.lose(lost);
      const valid = [...validOf(kept), { containerID: "unknown", ifname: "eth0" }];
      for (const cache of ["lost", "kept", "kept"] as const)
        assertSuccess(await libcni.gc({ conflist: node.conflist, valid, cache }));
      assert.deepEqual(await survivors(lab, [kept, lost]), [kept.id]);
      assert.equal((await observeTraces(node)).attachments, 1);
    },
  );

  testInLab(
    "GC while the agent is away says 11 and deletes nothing; addresses are free after it",
    getLab,
    async (lab) => {
      const { node, libcni } = lab;
      const pod = await addPod(lab);
      const call = { conflist: node.conflist, valid: [], cache: "lost" } as const;
      await node.stopAgent();
      assertFailure(await libcni.gc(call), 11, node.socket);
      assert.deepEqual(await survivors(lab, [pod]), [pod.id]);
      const agent = await node.agent();
      assertSuccess(await libcni.gc(call));
      assert.equal(await agent.metric("causeway_addresses", { state: "taken" }), 0);
    },
  );
}

function validOf(...pods: readonly Pod[]): readonly { containerID: string; ifname: string }[] {
  return pods.map(({ id }) => ({ containerID: id, ifname: "eth0" }));
}

/** Containers of these that the node still has a link of. */
async function survivors({ node }: CniLab, pods: readonly Pod[]): Promise<readonly string[]> {
  const aliases = (await node.view.links()).map(({ ifalias = "" }) => ifalias);
  return pods.map(({ id }) => id).filter((id) => aliases.some((alias) => alias.includes(id)));
}
