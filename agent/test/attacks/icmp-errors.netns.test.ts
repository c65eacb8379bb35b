/**
 * What pods say about conversations that are not theirs: an ICMP error that quotes a datagram of the node
 * ends what its socket waits for, a DNS answer for instance, and a pod can guess all ports in a second.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { BRIDGE_MAC } from "../../net/host-link.ts";
import { podMac } from "../../plan/pods/pod-network.ts";
import { type AgentProcess, makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns, type Netns, runOnHost, host } from "../../testing/machine/netns.ts";
import { ethernet, portUnreachable } from "../../testing/packets/raw-frames.ts";

const NODE = ["192.0.2.10", "2001:db8:2::10"] as const;
const ROUTER = ["192.0.2.1", "2001:db8:2::1"] as const;
const SERVER = ["198.51.100.9", "2001:db8:100::9"] as const;
const PORT = 45_000;

let node: TestNode;
let agent: AgentProcess;
let pod: Netns;
let outside: Netns;
let addresses: readonly string[];

before(async () => {
  node = makeNode();
  node.writeNodes("10.244.1.0/24", "fd00:1::/64");
  [pod, outside] = await Promise.all([makeNetns(), makeNetns()]);
  await host(`ip link add up0 type veth peer name far0 netns ${outside.pid}; ip link set up0 up`);
  await outside.run("ip", "link", "set", "far0", "up");
  for (const [index, prefix] of [24, 64].entries()) {
    const noDad = index === 1 ? "nodad" : "";
    await outside.run(
      "sh",
      "-ec",
      `ip address add ${ROUTER[index]}/${prefix} dev far0 ${noDad}; ip address add ${SERVER[index]} dev lo ${noDad}`,
    );
    await host(
      `ip address add ${NODE[index]}/${prefix} dev up0 ${noDad}; ip route add default via ${ROUTER[index]}`,
    );
  }
  // The question itself stays without an answer, so that only the pod says anything before it comes.
  await outside.run(
    "nft",
    "table inet silent { chain i { type filter hook input priority 0; udp dport 53 drop; }; }",
  );
  agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
  addresses = await node.add("a", pod);
});

after(async () => {
  await runOnHost("sh", "-c", "ip link del up0; true");
  for (const netns of [pod, outside]) await netns.remove();
  await node.remove();
});

const program = (lines: string): readonly string[] => [
  process.execPath,
  "-e",
  `const dgram = require("node:dgram"); ${lines}`,
];

/** A socket of the node that asks somebody: gives what it hears first, an answer or an error. */
function ask(family: 4 | 6, from: string, to: string, port: number): Promise<string> {
  return runOnHost(
    ...program(`
      const socket = dgram.createSocket("udp${family}");
      socket.on("error", ({ code }) => { console.log(code); process.exit(); });
      socket.on("message", (text) => { console.log(String(text)); process.exit(); });
      socket.bind(${PORT}, "${from}", () => socket.connect(${port}, "${to}", () => socket.send("?")));
    `),
  ).then((text) => text.trim());
}

/** What the node hears when a pod says that nobody listens there, and then comes the answer. */
async function hears(of: 0 | 1): Promise<string> {
  const [own, server, sender] = [NODE[of], SERVER[of], addresses[of] ?? ""];
  const asked = ask(of === 0 ? 4 : 6, own, server, 53);
  await eventually("the node has asked", async () => (await runOnHost("ss", "-Hun")).includes(`:${PORT}`));
  const lie = portUnreachable(
    { from: sender, to: own },
    { from: own, to: server, source: PORT, destination: 53 },
  );
  const frame = ethernet({ from: podMac(addresses), to: BRIDGE_MAC }, of === 0 ? "ipv4" : "ipv6", lie);
  const send = join(import.meta.dirname, "../../testing/packets/send-frames.ts");
  await pod.run(process.execPath, send, "eth0", frame.toString("hex"));
  await outside.run(
    ...program(`
      const socket = dgram.createSocket("udp${of === 0 ? 4 : 6}");
      socket.bind(53, "${server}", () => socket.send("answer", ${PORT}, "${own}", () => socket.close()));
    `),
  );
  return asked;
}

test("a pod ends no conversation of its node by an ICMP error about it, IPv4 and IPv6", async () => {
  assert.deepEqual([await hears(0), await hears(1)], ["answer", "answer"]);
});

test("what a pod says about its own closed port is heard, IPv4 and IPv6", async () => {
  const [own4 = "", own6 = ""] = addresses;
  assert.equal(await ask(4, "10.244.1.1", own4, 9), "ECONNREFUSED");
  assert.equal(await ask(6, "fd00:1::1", own6, 9), "ECONNREFUSED");
});

test("a pod that routes for its node is not believed about what lies behind it either", async () => {
  const routes = SERVER.map((server, index) => `${server} via ${addresses[index]} dev cw0`);
  for (const route of routes) await runOnHost("sh", "-c", `ip route add ${route}`);
  assert.deepEqual([await hears(0), await hears(1)], ["answer", "answer"]);
  for (const route of routes) await runOnHost("sh", "-c", `ip route delete ${route}`);
});

test("without the guard the same error ends the conversation", async () => {
  await agent.end("SIGKILL");
  await runOnHost("nft", "flush", "chain", "inet", "causeway", "input");
  assert.deepEqual([await hears(0), await hears(1)], ["ECONNREFUSED", "ECONNREFUSED"]);
});
