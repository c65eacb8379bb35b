import assert from "node:assert/strict";
import { ping } from "../lib/netns.ts";
import { assertTraces, observeTraces } from "../libcni/node-lab.ts";
import type { Container, Podman } from "./podman.ts";
import { assertEnded, type PodmanLab, startContainer, testInLab } from "./podman-lab.ts";

const PARALLEL = 5;

/** The shim's fall-back for a DEL, and what podman itself takes on a busy machine. */
const REMOVE_WITHOUT_AGENT_MS = 1500 + 3500;

/** Ways in which a container ends: none leaves a trace. */
export function testLifecycle(getLab: () => PodmanLab): void {
  const removals: readonly {
    readonly name: string;
    readonly remove: (podman: Podman, container: Container) => Promise<void>;
  }[] = [
    {
      name: "stopped and removed",
      async remove(podman, { name }) {
        await podman.run(["stop", "--time", "0", name]);
        await podman.run(["rm", name]);
      },
    },
    {
      name: "removed while it runs",
      remove: async (podman, { name }) => void (await podman.run(["rm", "--force", "--time", "0", name])),
    },
    {
      name: "killed and then removed",
      async remove(podman, { name, pid }) {
        assertEnded(await podman.inside(["kill", "-KILL", String(pid)]));
        await podman.run(["wait", name]);
        await podman.run(["rm", name]);
      },
    },
  ];
  for (const { name, remove } of removals) {
    testInLab(
      `a container that is ${name} leaves no link, address, neighbour or FDB entry`,
      getLab,
      async (lab) => {
        const before = await observeTraces(lab.node);
        const container = await startContainer(lab, "leaving");
        const during = await observeTraces(lab.node);
        assert.equal(during.links.length, before.links.length + 1);
        assert.equal(during.attachments, before.attachments + 1);
        await remove(lab.podman, container);
        assert.deepEqual(await lab.podman.list(), []);
        await assertTraces(lab.node, before);
      },
    );
  }

  testInLab("a container that ends by itself loses its network before it is removed", getLab, async (lab) => {
    const before = await observeTraces(lab.node);
    const { pid, name } = await startContainer(lab, "ending");
    assertEnded(await lab.podman.inside(["kill", "-KILL", String(pid)]));
    await assertTraces(lab.node, before);
    assert.deepEqual(await lab.podman.list(), [name]);
  });

  testInLab(
    "a container that is restarted has a network again, and its static address",
    getLab,
    async (lab) => {
      const { node, podman } = lab;
      const first = await startContainer(lab, "again", ["--ip", "10.244.7.97"]);
      const during = await observeTraces(node);
      await podman.run(["restart", "--time", "0", first.name]);
      const second = await podman.inspect(first.name);
      assert.notEqual(second.pid, first.pid);
      assert.equal(second.addresses[0], "10.244.7.97");
      await ping(second.enter, node.network.outsideAddresses[0]);
      const after = await observeTraces(node);
      assert.deepEqual(
        [after.links.length, after.attachments, after.addresses],
        [during.links.length, during.attachments, during.addresses],
      );
    },
  );

  testInLab(
    `${PARALLEL} containers that start at once have addresses of their own, and end at once`,
    getLab,
    async (lab) => {
      const before = await observeTraces(lab.node);
      const names = Array.from({ length: PARALLEL }, (_, index) => `parallel-${index}`);
      const containers = await Promise.all(names.map((name) => startContainer(lab, name)));
      assert.equal(new Set(containers.flatMap(({ addresses }) => addresses)).size, 2 * PARALLEL);
      await Promise.all(names.map((name) => lab.podman.run(["rm", "--force", "--time", "0", name])));
      await assertTraces(lab.node, before);
    },
  );

  testInLab(
    "a container is removed while the agent is away, and the next agent knows it",
    getLab,
    async (lab) => {
      const { node, podman } = lab;
      const [one, two] = [await startContainer(lab, "one"), await startContainer(lab, "two")];
      await node.stopAgent();
      const startMs = performance.now();
      await podman.run(["rm", "--force", "--time", "0", one.name]);
      const removeMs = performance.now() - startMs;
      assert.ok(removeMs < REMOVE_WITHOUT_AGENT_MS, `podman rm took ${removeMs} ms`);
      await ping(two.enter, two.gateways[0]);
      const agent = await node.agent();
      assert.equal(await agent.metric("causeway_attachments"), 1);
    },
  );

  testInLab(
    "a container that starts while the agent is away comes up with the agent",
    getLab,
    async (lab) => {
      const { node } = lab;
      await node.stopAgent();
      const starting = startContainer(lab, "patient");
      await node.agent();
      const container = await starting;
      for (const target of [...container.gateways, ...node.network.outsideAddresses])
        await ping(container.enter, target);
    },
  );
}
