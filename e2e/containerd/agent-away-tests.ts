import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startProcess } from "../lib/process.ts";
import { ping } from "../lib/netns.ts";
import { assertNodeIs, observeNode } from "./node-state.ts";
import { GATEWAYS, type PodLab } from "./pod-lab.ts";

/** The shim's fall-back for a DEL, and what the runtime itself takes for a stop on a busy machine. */
const STOP_WITHOUT_AGENT_MS = 1500 + 1500;

/** The agent is restarted, killed or late: pods keep their network, and their runtime gets its answers. */
export function testAgentAway(getLab: () => PodLab): void {
  test("pods keep their traffic while the agent restarts, and a pod created after it works", async (t) => {
    const lab = getLab();
    t.after(lab.pods.removeAll);
    const before = await observeNode(lab);
    const one = await lab.pods.run("one");
    const two = await lab.pods.run("two");
    const targets = [...two.status.ips, ...lab.network.outsideAddresses];
    const pings = await Promise.all(
      targets.map((target, index) => {
        const command = [...one.enter, "ping", "-n", "-i", "0.02", "-W", "2", target];
        return startProcess({ name: `ping-${index}`, command, folder: lab.folder });
      }),
    );
    t.after(async () => void (await Promise.all(pings.map((process) => process.stop("SIGKILL")))));
    for (const process of pings) await process.waitForLine(/icmp_seq=5 /, 5000);
    assert.deepEqual(await lab.agents.stop("SIGTERM"), { code: 0, signal: null });
    await lab.agents.ready();
    for (const process of pings) await process.stop("SIGINT");
    for (const process of pings) assert.match(process.output(), / 0% packet loss/);

    const three = await lab.pods.run("three");
    assert.equal(new Set([one, two, three].flatMap(({ status }) => status.ips)).size, 6);
    for (const target of [...one.status.ips, ...GATEWAYS]) await ping(three.enter, target);
    for (const { id } of [one, two, three]) await lab.pods.remove(id);
    const { agentOpenFiles: _, ...wantNode } = before;
    const { agentOpenFiles, ...node } = await observeNode(lab);
    assert.deepEqual(node, wantNode);
    assert.ok(agentOpenFiles > 0);
  });

  test("pods are removed by the shim alone after the agent was killed, and the next agent knows it", async (t) => {
    const lab = getLab();
    t.after(lab.pods.removeAll);
    const before = await observeNode(lab);
    const [one, two] = [await lab.pods.run("one"), await lab.pods.run("two")];
    await lab.agents.stop("SIGKILL");
    const startMs = performance.now();
    await lab.containerd.cri.stopPod(one.id);
    const stopMs = performance.now() - startMs;
    assert.ok(stopMs < STOP_WITHOUT_AGENT_MS, `StopPodSandbox took ${stopMs} ms`);
    await lab.containerd.cri.removePod(one.id);
    await ping(two.enter, GATEWAYS[0]);
    const links = (await lab.nodeView.links()).map(({ ifalias = "" }) => ifalias);
    assert.ok(!links.some((alias) => alias.includes(one.id)));
    assert.ok(links.some((alias) => alias.includes(two.id)));

    const agent = await lab.agents.ready();
    assert.equal(await agent.metric("causeway_attachments"), 1);
    await lab.pods.remove(two.id);
    await assertNodeIs(lab, { ...before, agentOpenFiles: agent.countOpenFiles().others });
  });

  test("a pod that starts while the agent is away comes up when the agent starts 3 s later", async (t) => {
    const lab = getLab();
    t.after(lab.pods.removeAll);
    await lab.agents.ready();
    await lab.agents.stop("SIGTERM");
    const input = lab.pods.input("patient");
    const startMs = performance.now();
    const running = lab.containerd.cri.runPod(input);
    // Whichever comes first: a sandbox that fails at once must not hide behind the delay.
    await Promise.race([running, delay(3000)]);
    await lab.agents.ready();
    const pod = await lab.pods.describe(await running, input);
    assert.ok(performance.now() - startMs >= 3000);
    for (const gateway of GATEWAYS) await ping(pod.enter, gateway);
  });
}
