/**
 * From the release before and back to it, while pods run: the gateways' prefixes and the way to pods change,
 * and no packet is lost, on the node and to pods of other nodes.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import type { AgentProcess } from "../../testing/agent/agent-process.ts";
import { carryNumbers } from "../../testing/machine/carry-numbers.ts";
import { type FormerAgent, startFormerAgent } from "../../testing/agent/former-release.ts";
import { makeNetns, type Netns, runOnHost } from "../../testing/machine/netns.ts";
import { OVERLAY_NODES } from "../../testing/machine/overlay-lab.ts";
import { endPrivileged, privileged } from "../../testing/runner/privileged.ts";
import { makeOverlayNetwork, type OverlayNetwork } from "../../testing/machine/overlay-network.ts";

const GATEWAYS = ["10.244.1.1", "fd00:1::1"];

/** The node beside ours on its subnet, and its pod. */
const NEAR = {
  name: "near",
  addresses: ["192.0.2.66", "2001:db8:2::66"],
  podCIDRs: ["10.244.2.0/24", "fd00:2::/64"],
};
const NEAR_PODS = ["10.244.2.5", "fd00:2::5"];
/** Both families behind the overlay over IPv4, and over IPv6. */
const FAR_PODS = ["10.244.3.5", "fd00:3::5", "10.244.4.5", "fd00:4::5"];

let network: OverlayNetwork;
let folder: string;
let pods: readonly Netns[];
let former: FormerAgent | undefined;
let agent: AgentProcess | undefined;

before(async () => {
  network = await makeOverlayNetwork();
  folder = mkdtempSync(join(tmpdir(), "upgrade-"));
  network.tell([...OVERLAY_NODES, NEAR]);
  pods = await Promise.all([makeNetns(), makeNetns(), makeNetns()]);
  const [pod4, pod6] = NEAR_PODS;
  // Who asks for a neighbour on behalf of others does so from its link-local address.
  await runOnHost("ip", "-6", "address", "add", "fe80::10/64", "dev", "up0", "nodad");
  await network.foreign.run(
    "sh",
    "-ec",
    `ip address add ${pod4}/32 dev lo; ip -6 address add ${pod6}/128 dev lo
    ip -6 address add fe80::66/64 dev eth0 nodad
    ip route add 10.244.1.0/24 via 192.0.2.10; ip -6 route add fd00:1::/64 via 2001:db8:2::10`,
  );
});

after(async () => {
  await former?.end();
  for (const pod of pods) await pod.remove();
  await network.remove();
  rmSync(folder, { recursive: true });
});

interface Pair {
  readonly name: string;
  /** Undefined: the node. */
  readonly from: Netns | undefined;
  readonly target: string;
}

interface Conversation {
  /** Packets that were not answered. */
  end(): Promise<{ readonly sent: number; readonly lost: number }>;
}

/** Asks every 5 ms, until it is ended. */
async function converse(context: TestContext, { name, from, target }: Pair): Promise<Conversation> {
  const file = join(folder, name.replaceAll(/\W/g, "-"));
  const script = `echo begins; exec ping -n -q -i 0.005 ${target} >${file} 2>&1`;
  const { pid } = await privileged({ command: ["sh", "-c", script], netns: from?.path, background: true });
  context.after(() => endPrivileged(pid));
  return {
    async end() {
      await endPrivileged(pid, "SIGINT");
      const [, sent, received] =
        /(\d+) packets transmitted, (\d+) received/.exec(readFileSync(file, "utf8")) ?? [];
      return { sent: Number(sent), lost: Number(sent) - Number(received) };
    },
  };
}

/** What the host has: `former` or the shape of today. */
async function assertShape(shape: "former" | "of today"): Promise<void> {
  const addresses = await runOnHost("ip", "-o", "address", "show", "dev", "cw0");
  const routes = await runOnHost("sh", "-c", "ip route; ip -6 route");
  if (shape === "former") {
    assert.match(addresses, /10\.244\.1\.1\/24/);
    assert.match(routes, /^10\.244\.1\.0\/24 dev cw0/m);
    return;
  }
  assert.match(addresses, /10\.244\.1\.1\/32[^]*fd00:1::1\/128/);
  assert.doesNotMatch(routes, /^(10\.244\.1\.0\/24|fd00:1::\/64) dev cw0/m);
}

test("an upgrade from the release before, and a rollback to it, lose no packet between pods of all nodes, node and gateway", async (context) => {
  const [a, b, late] = pods as [Netns, Netns, Netns];
  const { node, far, foreign: near } = network;
  former = await startFormerAgent(node, 18_900);
  const ofA = await node.add("a", a);
  const ofB = await node.add("b", b);
  await assertShape("former");
  const pairs = [
    ...ofB.map((target) => ({ name: `pod to pod ${target}`, from: a, target })),
    ...GATEWAYS.map((target) => ({ name: `pod to gateway ${target}`, from: a, target })),
    // From one address, as a connection is: without, the kernel chooses anew for each packet, and has nothing
    // while IPv6 waits for its gateway.
    ...ofA.map((target, index) => {
      return { name: `node to pod ${target}`, from: undefined, target: `-I ${GATEWAYS[index]} ${target}` };
    }),
  ];
  const conversations = await Promise.all(
    pairs.map(async ({ name, from, target }) => ({
      name,
      it: await converse(context, { name, from, target }),
    })),
  );
  const endNumbers = await carryNumbers(
    context,
    a,
    new Map([
      [b, ofB],
      [near, NEAR_PODS],
      [far, FAR_PODS],
    ]),
  );
  const reach = async (): Promise<void> => {
    for (const target of [...ofA, ...ofB, ...GATEWAYS, ...NEAR_PODS, ...FAR_PODS])
      await late.run("ping", "-n", "-c1", "-w5", target);
  };
  await former.end();
  former = undefined;
  agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
  await assertShape("of today");
  await node.add("late", late);
  await reach();
  await agent.end("SIGTERM");
  former = await startFormerAgent(node, 18_901);
  await assertShape("former");
  await reach();
  await node.del("late");
  for (const { name, sent, lost } of await endNumbers()) {
    context.diagnostic(`${name}: ${lost} of ${sent} numbers lost`);
    assert.equal(lost, 0, `${name}: ${lost} of ${sent} lost`);
    assert.ok(sent > 100, `${name}: only ${sent} sent`);
  }
  for (const { name, it } of conversations) {
    const { sent, lost } = await it.end();
    context.diagnostic(`${name}: ${lost} of ${sent} lost`);
    // The last one may be on its way.
    assert.ok(lost <= 1, `${name}: ${lost} of ${sent} lost`);
    assert.ok(sent > 100, `${name}: only ${sent} sent`);
  }
});
