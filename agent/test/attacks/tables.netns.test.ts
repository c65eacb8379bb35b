/** Tables of the node that grow with what passes: what a pod can put into them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { addressToBytes } from "../../net/address.ts";
import { hostLinkName } from "../../net/host-link.ts";
import { linkLocalOf } from "../../net/mac.ts";
import { podMac } from "../../plan/pods/pod-network.ts";
import { type AgentProcess, makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns, type Netns, runOnHost } from "../../testing/machine/netns.ts";
import { ethernet, icmpv6, igmpReport, ipv4 } from "../../testing/packets/raw-frames.ts";

const FLOWS = 500;
/** What others of the node do meanwhile. */
const OTHERS = 50;

let node: TestNode;
let agent: AgentProcess;
let own: readonly string[];
let pod: Netns;

async function start(): Promise<void> {
  agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
}

before(async () => {
  node = makeNode();
  node.writeNodes("10.244.1.0/24", "fd00:1::/64");
  await start();
  pod = await makeNetns();
  own = await node.add("a", pod);
});

after(async () => {
  await pod.remove();
  await node.remove();
});

async function countConnections(): Promise<number> {
  return Number(await runOnHost("cat", "/proc/sys/net/netfilter/nf_conntrack_count"));
}

/** Sends a datagram to each of many ports of a gateway; gives how many connections the node has more. */
async function send(from: string, gateway: string): Promise<number> {
  const atFirst = await countConnections();
  const program = `const socket = require("node:dgram").createSocket("udp${from.includes(":") ? 6 : 4}");
    socket.bind(0, "${from}", async () => {
      for (let port = 0; port < ${FLOWS}; port++) await new Promise((sent) => socket.send("x", 20000 + port, "${gateway}", sent));
      socket.close();
    });`;
  await pod.run(process.execPath, "-e", program);
  return (await countConnections()) - atFirst;
}

test("a pod fills the table of connections under its own addresses alone: none is tracked that it sends under a false one", async () => {
  const sources = [
    { own: own[0] ?? "", other: "10.244.1.77", length: 32, gateway: "10.244.1.1" },
    { own: own[1] ?? "", other: "fd00:1::77", length: 128, gateway: "fd00:1::1" },
  ];
  for (const { own: address, other, length, gateway } of sources) {
    const noDad = length === 128 ? ["nodad"] : [];
    await pod.run("ip", "address", "add", `${other}/${length}`, "dev", "eth0", ...noDad);
    const [honest, forged] = [await send(address, gateway), await send(other, gateway)];
    assert.ok(honest >= FLOWS, `${honest} connections of ${address}`);
    assert.ok(forged < OTHERS, `${forged} connections of ${other}`);
  }
});

const MACS = 150;

/** Frames from as many invented stations to all and to the gateway, under the pod's address and others. */
function inventedStations(gatewayMac: string): readonly Buffer[] {
  return Array.from({ length: MACS }, (_, index) => {
    const source = `02:bd:00:00:00:${index.toString(16).padStart(2, "0")}`;
    return ["ff:ff:ff:ff:ff:ff", gatewayMac].map((destination, turn) => {
      const from = turn === 0 ? (own[0] ?? "") : `10.244.1.${index + 100}`;
      return ethernet(
        { from: source, to: destination },
        "ipv4",
        ipv4({ from, to: "10.244.1.1" }, 17, new Uint8Array(8)),
      );
    });
  }).flat();
}

async function sendFrames(frames: readonly Buffer[]): Promise<void> {
  const program = join(import.meta.dirname, "../../testing/packets/send-frames.ts");
  const texts = frames.map((frame) => frame.toString("hex"));
  await pod.run(process.execPath, program, "eth0", ...texts);
}

const sendInvented = (gatewayMac: string): Promise<void> => sendFrames(inventedStations(gatewayMac));

const GROUPS = 150;

/** Reports of so many groups, to the gateway and to all: IGMPv2 (RFC 2236) and MLD (RFC 2710). */
function joins(gatewayMac: string): readonly Buffer[] {
  const [own4 = ""] = own;
  const mac = podMac(own);
  return Array.from({ length: GROUPS }, (_, index) => {
    const [group4, group6] = [`239.1.1.${index}`, `ff15::${index + 1}`];
    const report4 = igmpReport({ from: own4, to: group4 });
    const report6 = icmpv6(
      { from: linkLocalOf(mac), to: group6 },
      { type: 131, body: Buffer.concat([Buffer.alloc(4), addressToBytes(group6)]) },
    );
    return [gatewayMac, "01:00:5e:01:01:01", "33:33:00:00:00:01"].flatMap((to) => [
      ethernet({ from: mac, to }, "ipv4", report4),
      ethernet({ from: mac, to }, "ipv6", report6),
    ]);
  }).flat();
}

const groupEntries = async (): Promise<number> =>
  (await runOnHost("bridge", "mdb", "show", "dev", "cw0"))
    .split("\n")
    .filter((line) => / grp (239|ff15)/.test(line)).length;

test("a pod that joins groups adds nothing to the bridge's table of groups, and snooping and a spanning tree that somebody switches on are switched off", async () => {
  const gatewayMac = /lladdr (\S+)/.exec(await pod.run("ip", "neigh"))?.[1] ?? "";
  await sendFrames(joins(gatewayMac));
  assert.equal(await groupEntries(), 0);
  const snoop = ["ip", "link", "set", "cw0", "type", "bridge", "mcast_snooping", "1"] as const;
  await runOnHost(...snoop, "stp_state", "1", "forward_delay", "1500");
  const settings = (): Promise<string> => runOnHost("ip", "-d", "link", "show", "cw0");
  await eventually(
    "the agent switches both off",
    async () => /forward_delay 0 .* stp_state 0 .* mcast_snooping 0 /.test(await settings()),
    settings,
  );
  await agent.end("SIGKILL");
  await runOnHost("nft", "delete", "table", "bridge", "causeway");
  await runOnHost(...snoop);
  await sendFrames(joins(gatewayMac));
  assert.ok((await groupEntries()) >= GROUPS, `only ${await groupEntries()} without guard and with snooping`);
  await start();
});

const forwardingEntries = (): Promise<string> => runOnHost("bridge", "fdb", "show", "br", "cw0");

/** Names of the agent's time series, without values. */
async function seriesNames(): Promise<readonly string[]> {
  const text = (await agent.get("/metrics"))?.text ?? "";
  return text.split("\n").map((line) => line.replace(/ \S+$/, ""));
}

test("a pod that sends from invented MACs adds nothing to the bridge's forwarding table, to routes, or to the agent's time series", async () => {
  const gatewayMac = /lladdr (\S+)/.exec(await pod.run("ip", "neigh"))?.[1] ?? "";
  const tables = async (): Promise<readonly unknown[]> => [
    await forwardingEntries(),
    await runOnHost("ip", "route", "show", "table", "all"),
    await runOnHost("ip", "-6", "route", "show", "table", "all"),
    await seriesNames(),
  ];
  const atFirst = await tables();
  await sendInvented(gatewayMac);
  assert.deepEqual(await tables(), atFirst);
  // Where nothing keeps the bridge from learning, the same frames fill its table.
  await agent.end("SIGKILL");
  await runOnHost("nft", "delete", "table", "bridge", "causeway");
  await runOnHost("bridge", "link", "set", "dev", hostLinkName("a", "eth0"), "learning", "on");
  await sendInvented(gatewayMac);
  assert.ok((await forwardingEntries()).split("02:bd:").length - 1 >= MACS);
});
