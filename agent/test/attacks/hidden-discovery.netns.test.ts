/**
 * Neighbour discovery that a pod hides from filters, against a node whose kernel would believe it: not only
 * its defaults keep it from that.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { BRIDGE_MAC } from "../../net/host-link.ts";
import { linkLocalOf, macOf } from "../../net/mac.ts";
import { type AgentProcess, makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns, type Netns, runOnHost, host } from "../../testing/machine/netns.ts";
import { ALL_DISGUISES, type Disguise, disguise } from "../../testing/packets/hide-packet.ts";
import { ethernet, neighbour6, routerAdvertisement } from "../../testing/packets/raw-frames.ts";

const MAC = macOf("10.244.1.2");
const OWN = linkLocalOf(MAC);
const GATEWAY = "fd00:1::1";

let node: TestNode;
let agent: AgentProcess;
let pod: Netns;

before(async () => {
  node = makeNode();
  node.writeNodes("10.244.1.0/24", "fd00:1::/64");
  pod = await makeNetns();
  agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
  await node.add("a", pod);
});

after(async () => {
  await pod.remove();
  await node.remove();
});

/** Packets by which the host would learn of a router, and of a neighbour; each disguise has its own. */
function packets(index: number): readonly Uint8Array[] {
  const prefix = `fd00:bad:${index + 1}::`;
  const asker = `fd00:1::bad:${index + 1}`;
  return [
    ...[OWN, `fe80::bad:${index + 1}`].map((router) => routerAdvertisement({ router, mac: MAC, prefix })),
    ...[OWN, asker].map((from) =>
      neighbour6("solicitation", { from, to: GATEWAY }, { mac: MAC, ip: GATEWAY }),
    ),
    neighbour6("advertisement", { from: OWN, to: GATEWAY }, { mac: MAC, ip: asker }),
  ];
}

async function send(frames: readonly Buffer[]): Promise<void> {
  const program = join(import.meta.dirname, "../../testing/packets/send-frames.ts");
  await pod.run(process.execPath, program, "eth0", ...frames.map((frame) => frame.toString("hex")));
}

/** What the kernel would do without the guard: in pieces, too, with its setting against that off. */
const believe = `sysctl -qw net.ipv6.conf.cw0.accept_ra=2 net.ipv6.conf.cw0.autoconf=1 net.ipv6.conf.cw0.forwarding=0
  sysctl -qw net.ipv6.conf.all.suppress_frag_ndisc=0 net.ipv6.conf.cw0.suppress_frag_ndisc=0`;

async function learned(): Promise<string> {
  const script =
    "ip -6 route show dev cw0 | grep bad; ip -6 address show dev cw0 | grep bad; ip -6 neighbour show dev cw0 | grep -v PERMANENT; true";
  return runOnHost("sh", "-c", script);
}

/** All packets in this form; `index` tells them apart from others. */
async function sendAll(how: Disguise, index: number): Promise<void> {
  await host(believe);
  const all = packets(index).flatMap((packet) => disguise(Buffer.from(packet), how));
  await send(all.map((packet) => ethernet({ from: MAC, to: BRIDGE_MAC }, "ipv6", packet)));
}

/** Linux discards them by itself since 5.10 (2efdaaaf883a), whatever is set. */
const DISCARDED: Disguise = "in fragments of which the first has no message (RFC 7112)";

test("the host learns nothing from discovery that a pod hides behind extension headers or in fragments", async () => {
  for (const [index, how] of ALL_DISGUISES.entries()) {
    await sendAll(how, index);
    assert.equal(await learned(), "", how);
  }
});

test("without the guard the host learns from each of these forms that its kernel takes", async () => {
  await agent.end("SIGKILL");
  await runOnHost("nft", "delete", "table", "bridge", "causeway");
  for (const [index, how] of ALL_DISGUISES.entries()) {
    await sendAll(how, index);
    if (how === DISCARDED) continue;
    const prefix = `fd00:bad:${index + 1}::/64`;
    await eventually(`a route ${how}`, async () => (await learned()).includes(prefix), learned);
    await eventually(
      `a neighbour ${how}`,
      async () => / (STALE|REACHABLE|DELAY)/.test(await learned()),
      learned,
    );
  }
});
