/**
 * What pods send to become somebody else for the host, or to fill its tables: raw frames from inside pods,
 * against a running agent.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { hostLinkName } from "../../net/host-link.ts";
import { macOf } from "../../net/mac.ts";
import { BRIDGE_MAC } from "../../net/host-link.ts";
import { type AgentProcess, makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { askForVerification } from "../../report/ask-agent.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns, type Netns, runOnHost, host } from "../../testing/machine/netns.ts";
import {
  arp,
  ethernet,
  fragmentationNeeded,
  icmpv6,
  neighbour6,
  redirect4,
  ipv4,
  packetTooBig,
  routerAdvertisement,
} from "../../testing/packets/raw-frames.ts";

const GATEWAY4 = "10.244.1.1";
const GATEWAY6 = "fd00:1::1";
const POD4 = "10.244.1.2";
const MAC = macOf(POD4);
const FREE = ["10.244.1.50", "fd00:1::50"];
const TO_ALL = { from: MAC, to: "33:33:00:00:00:01" };
const TO_GATEWAY = { from: MAC, to: BRIDGE_MAC };

let node: TestNode;
let agent: AgentProcess;
let pod: Netns;
let other: Netns;
let outside: Netns;

before(async () => {
  node = makeNode();
  node.writeNodes("10.244.1.0/24", "fd00:1::/64");
  [pod, other, outside] = await Promise.all([makeNetns(), makeNetns(), makeNetns()]);
  const uplink = "ip link add up0 type veth peer name far0 netns";
  await host(
    `${uplink} ${outside.pid}; ip link set up0 up; ip address add 192.0.2.10/24 dev up0; ip route add default via 192.0.2.1`,
  );
  await outside.run("sh", "-ec", "ip link set far0 up; ip address add 192.0.2.1/24 dev far0");
  await start();
  await node.add("a", pod);
  await node.add("b", other);
});

after(async () => {
  await runOnHost("sh", "-c", "ip link del up0; true");
  for (const netns of [pod, other, outside]) await netns.remove();
  await node.remove();
});

async function start(): Promise<void> {
  agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
}

/** Without this the attack must work, or the test would show nothing. */
async function withoutGuard(work: () => Promise<void>): Promise<void> {
  await agent.end("SIGKILL");
  await runOnHost("nft", "delete", "table", "bridge", "causeway");
  await work();
  await start();
}

async function send(from: Netns, link: string, frames: readonly Buffer[]): Promise<void> {
  const program = join(import.meta.dirname, "../../testing/packets/send-frames.ts");
  for (let at = 0; at < frames.length; at += 200) {
    const some = frames.slice(at, at + 200).map((frame) => frame.toString("hex"));
    await from.run(process.execPath, program, link, ...some);
  }
}

const ip = (...command: readonly string[]): Promise<string> => runOnHost("ip", ...command);

/** The pod gives itself addresses that no ADD gave it. */
async function takeAddresses(addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    const withoutDad = address.includes(":") ? ["nodad"] : [];
    await pod.run("ip", "address", "add", address, "dev", "eth0", ...withoutDad);
  }
}

/** Neither the node nor another pod gets an answer. */
async function assertUnreached(addresses: readonly string[]): Promise<void> {
  for (const target of addresses)
    for (const from of [undefined, other]) assert.equal(await isReached(from, target), false, target);
}

/** Neighbours of the bridge that are no pod's. */
async function learned(): Promise<string> {
  const lines = (await ip("neighbour", "show", "dev", "cw0")).split("\n");
  return lines.filter((line) => !/ PERMANENT *$/.test(line)).join("\n");
}

const isReached = (from: Netns | undefined, target: string): Promise<boolean> => {
  const command = ["ping", "-n", "-c1", "-W2", target];
  return (from === undefined ? runOnHost(...command) : from.run(...command)).then(
    () => true,
    () => false,
  );
};

/** Advertisements of so many routers, in each form in which a frame can carry one. */
function advertisements(count: number): readonly Buffer[] {
  return Array.from({ length: count }, (_, index) => {
    const number = (index + 1).toString(16);
    const router = { router: `fe80::bad:${number}`, mac: MAC, prefix: `fd00:bad:${number}::` };
    const packet = routerAdvertisement(router);
    return [
      ethernet(TO_ALL, "ipv6", packet),
      ethernet(TO_GATEWAY, "ipv6", packet),
      ethernet(TO_ALL, "ipv6", packet, [0]),
      ethernet(TO_ALL, "ipv6", packet, [0, 0]),
      ethernet(TO_ALL, "ipv6", routerAdvertisement(router, true)),
    ];
  }).flat();
}

async function advertised(): Promise<string> {
  const script =
    "ip -6 route show proto ra; ip -6 route show dev cw0 | grep bad; ip -6 address show dev cw0 | grep bad; true";
  return runOnHost("sh", "-c", script);
}

/** accept_ra=2: also while the node forwards. The agent writes the bridge's own setting at each look. */
const believe = "sysctl -qw net.ipv6.conf.cw0.accept_ra=2 net.ipv6.conf.cw0.autoconf=1";

test("no router advertisement of a pod gives the node a route or an address, and what is left of one is removed (CVE-2020-10749)", async () => {
  await host(believe);
  await send(pod, "eth0", advertisements(20));
  assert.equal(await advertised(), "");
  await agent.end("SIGTERM");
  await start();
  await withoutGuard(async () => {
    // The second line is closed where /proc/sys can be written.
    for (const name of ["accept_ra", "accept_redirects", "autoconf"])
      assert.equal(await runOnHost("sysctl", "-n", `net.ipv6.conf.cw0.${name}`), "0\n", name);
    await host(believe);
    await send(pod, "eth0", advertisements(101));
    const routes = (await ip("-6", "route", "show", "dev", "cw0")).match(/^(default|fd00:bad:)/gm) ?? [];
    assert.ok(routes.length >= 100, `only ${routes.length} routes came of it`);
  });
  assert.equal(await advertised(), "");
  const repairs = 'causeway_drift_repairs_total{kind="learned_route"}';
  assert.ok(((await agent.metric(repairs)) ?? 0) >= 100);
  await runOnHost("ip", "-6", "route", "add", "default", "via", "fe80::bad", "dev", "cw0", "proto", "ra");
  await eventually("the agent removes a route that somebody left", async () => (await advertised()) === "");
});

test("the host learns no neighbour from pods, and answers nobody who asks for one", async () => {
  const invented = Array.from({ length: 50 }, (_, index) => `10.244.1.${index + 100}`);
  const frames = invented.flatMap((address, index) => {
    const station = { mac: MAC, ip: address };
    const gateway = { mac: "00:00:00:00:00:00", ip: GATEWAY4 };
    const request = arp("request", station, gateway);
    const [from, asked] = [`fd00:1::${index + 100}`, { mac: MAC, ip: GATEWAY6 }];
    return [
      ethernet({ from: MAC, to: "ff:ff:ff:ff:ff:ff" }, "arp", request),
      ethernet({ from: MAC, to: "ff:ff:ff:ff:ff:ff" }, "arp", request, [0]),
      ethernet(TO_GATEWAY, "arp", request),
      ethernet(TO_GATEWAY, "arp", arp("reply", station, { mac: BRIDGE_MAC, ip: GATEWAY4 })),
      ethernet(
        { from: MAC, to: "33:33:ff:00:00:01" },
        "ipv6",
        neighbour6("solicitation", { from, to: "ff02::1:ff00:1" }, asked),
      ),
      ethernet(TO_GATEWAY, "ipv6", neighbour6("solicitation", { from, to: GATEWAY6 }, asked)),
      ethernet(TO_GATEWAY, "ipv6", neighbour6("solicitation", { from, to: GATEWAY6 }, asked), [0]),
      ethernet(
        TO_GATEWAY,
        "ipv6",
        neighbour6("advertisement", { from, to: GATEWAY6 }, { mac: MAC, ip: from }),
      ),
      ethernet(
        TO_GATEWAY,
        "ipv6",
        icmpv6({ from: `fe80::${index + 100}`, to: "ff02::2" }, { type: 133, body: Buffer.alloc(4) }),
      ),
    ];
  });
  await send(pod, "eth0", frames);
  assert.equal(await learned(), "");
  await withoutGuard(async () => {
    await send(pod, "eth0", frames);
    assert.notEqual(await learned(), "");
    await ip("neighbour", "flush", "dev", "cw0");
  });
  // They went with the rest; the agent has put back the pods'.
  assert.ok((await isReached(pod, "10.244.1.3")) && (await isReached(pod, "fd00:1::3")));
});

test("what the host itself sends to groups on the bridge is nothing that it has learned", async () => {
  await runOnHost("sh", "-c", "ping -c1 -W1 -I cw0 ff02::16 || true");
  assert.match(await runOnHost("ip", "-6", "neighbour", "show", "dev", "cw0", "nud", "noarp"), /^ff02::16 /m);
  const answer = await askForVerification(node.socket, 10_000);
  assert.deepEqual(answer.kind === "answer" && answer.report.faults, []);
});

test("packets to addresses that no pod has make the host ask no neighbour, and who sent them is told", async () => {
  const targets = Array.from({ length: 60 }, (_, index) => [
    `10.244.1.${index + 60}`,
    `fd00:1::${index + 60}`,
  ]);
  const packets = targets.flat().map((to) => {
    const probe = Buffer.from("0800000000000000", "hex");
    if (!to.includes(":")) return ethernet(TO_GATEWAY, "ipv4", ipv4({ from: POD4, to }, 17, probe));
    return ethernet(
      TO_GATEWAY,
      "ipv6",
      icmpv6({ from: "fd00:1::2", to }, { type: 128, body: Buffer.alloc(4) }),
    );
  });
  const linkLocal = Array.from({ length: 60 }, (_, index) =>
    ethernet(
      TO_GATEWAY,
      "ipv6",
      icmpv6({ from: "fd00:1::2", to: `fe80::${index + 60}` }, { type: 128, body: Buffer.alloc(4) }),
    ),
  );
  await send(pod, "eth0", [...packets, ...linkLocal]);
  assert.equal(await learned(), "");
  for (const target of FREE) {
    // The kernel bounds its errors to one receiver; asked every second, it never gets round to one (ip_error
    // of net/ipv4/route.c).
    await eventually("a sender is told", async () => {
      const said = await other.run("sh", "-c", `ping -n -c1 -W3 ${target}; true`);
      return /unreachable|No route/i.test(said);
    });
    await assert.rejects(runOnHost("ping", "-n", "-c1", "-W5", target), /unreachable|No route/i);
  }
  assert.equal(await learned(), "");
});

test("a pod that takes a free address, or that of a pod which is gone, gets none of its packets", async () => {
  await takeAddresses(FREE);
  await pod.run("ping", "-n", "-c1", "-W2", GATEWAY4);
  await assertUnreached(FREE);
  const gone = await makeNetns();
  const addresses = await node.add("gone", gone);
  await node.del("gone");
  await gone.remove();
  await takeAddresses(addresses);
  await assertUnreached(addresses);
  assert.equal(await learned(), "");
});

test("an address is free once the shim alone has deleted its pod's link", async () => {
  const gone = await makeNetns();
  const addresses = await node.add("alone", gone);
  await agent.end("SIGKILL");
  await node.del("alone");
  await gone.remove();
  await takeAddresses(addresses);
  await assertUnreached(addresses);
  await start();
  for (const target of addresses) assert.match(await ip("route", "show", target), /^$/);
  assert.equal(await learned(), "");
});

test("redirects move no route of the node: neither a pod's, nor one from the uplink's segment", async () => {
  const target = "198.51.100.9";
  // About an echo reply the kernel needs no socket to believe it (icmp_err of net/ipv4/icmp.c).
  const cause = ipv4({ from: "192.0.2.10", to: target }, 1, Buffer.alloc(8));
  const redirect = redirect4({ from: "192.0.2.1", to: "192.0.2.10" }, "192.0.2.66", cause);
  const [link] = JSON.parse(await ip("-json", "link", "show", "up0")) as { address: string }[];
  const fromSegment = ethernet({ from: "02:00:00:00:00:66", to: link?.address ?? "" }, "ipv4", redirect);
  const fromPod = ethernet(TO_GATEWAY, "ipv4", redirect);
  await ip(
    "neighbour",
    "replace",
    "192.0.2.66",
    "lladdr",
    "02:00:00:00:00:66",
    "dev",
    "up0",
    "nud",
    "permanent",
  );
  const way = (): Promise<string> => ip("route", "get", target);
  await send(outside, "far0", [fromSegment, fromSegment, fromSegment]);
  await send(pod, "eth0", [fromPod, fromPod, fromPod]);
  assert.match(await way(), /via 192\.0\.2\.1 /);
  for (const name of ["accept_redirects", "secure_redirects"])
    for (const dev of ["up0", "cw0"])
      assert.equal(await runOnHost("sysctl", "-n", `net.ipv4.conf.${dev}.${name}`), "0\n", `${dev} ${name}`);
  await agent.end("SIGKILL");
  // What the kernel would have done: it believes a router that is the way's own.
  await runOnHost(
    "sysctl",
    "-qw",
    "net.ipv4.conf.all.accept_redirects=1",
    "net.ipv4.conf.up0.accept_redirects=1",
  );
  await send(outside, "far0", [fromSegment, fromSegment, fromSegment]);
  assert.match(await way(), /via 192\.0\.2\.66 /);
  await ip("route", "flush", "cache");
  await start();
  assert.equal(await runOnHost("sysctl", "-n", "net.ipv4.conf.up0.accept_redirects"), "0\n");
});

test("no pod makes the node believe that a path takes small packets alone", async () => {
  const [world, victim] = ["198.51.100.9", "fd00:1::3"];
  // About an echo reply the kernel needs no socket to believe it.
  const cause4 = ipv4({ from: "192.0.2.10", to: world }, 1, Buffer.alloc(8));
  const cause6 = icmpv6({ from: GATEWAY6, to: victim }, { type: 129, body: Buffer.alloc(4) });
  const lies = [
    ethernet(TO_GATEWAY, "ipv4", fragmentationNeeded({ from: POD4, to: GATEWAY4 }, 552, cause4)),
    ethernet(TO_GATEWAY, "ipv6", packetTooBig({ from: "fd00:1::2", to: GATEWAY6 }, 1280, cause6)),
  ];
  const paths = async (): Promise<readonly string[]> =>
    [await ip("route", "get", world), await ip("-6", "route", "get", victim)].map(
      (text) => /mtu (\d+)/.exec(text)?.[1] ?? "whole",
    );
  await send(pod, "eth0", lies);
  assert.deepEqual(await paths(), ["whole", "whole"]);
  await agent.end("SIGKILL");
  await runOnHost("nft", "flush", "chain", "inet", "causeway", "input");
  await send(pod, "eth0", lies);
  await eventually("both are believed", async () => (await paths()).join() === "552,1280", paths);
  await ip("route", "flush", "cache");
  await ip("-6", "route", "flush", "cache");
  await start();
});

test("a pod that is let in by its link is found by its own addresses only", async () => {
  const link = hostLinkName("a", "eth0");
  const routes = `${await ip("route", "show", "proto", "98")}${await ip("-6", "route", "show", "proto", "98")}`;
  assert.deepEqual(routes.trim().replaceAll(/ +$/gm, "").split("\n").toSorted(), [
    "10.244.1.2 dev cw0 scope link",
    "10.244.1.3 dev cw0 scope link",
    "fd00:1::2 dev cw0 metric 1024 pref medium",
    "fd00:1::3 dev cw0 metric 1024 pref medium",
    "unreachable 10.244.1.0/24 metric 1000000",
    "unreachable fd00:1::/64 dev lo metric 1000000 pref medium",
  ]);
  assert.match(await ip("link", "show", link), /master cw0/);
});
