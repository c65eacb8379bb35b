/**
 * Who is no node, or lies, puts nothing into the overlay: with plain UDP sockets, as a pod without any
 * capability has them, over IPv4 and IPv6, inside and outside. Each test ends with a packet of a node that
 * does not lie: what has not arrived by then was dropped.
 */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, before, test } from "node:test";
import { addressToBytes } from "../../net/address.ts";
import { macOf, macToBytes } from "../../net/mac.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { type Netns, runOnHost, host } from "../../testing/machine/netns.ts";
import {
  heardPorts,
  makeOverlayLab,
  OVERLAY_NODES,
  type OverlayLab,
} from "../../testing/machine/overlay-lab.ts";
import { formatVxlanPacket, type VxlanPacket } from "../../testing/packets/vxlan-packet.ts";

let lab: OverlayLab;

before(async () => {
  lab = await makeOverlayLab();
});

after(() => lab.remove());

const OWN = { 4: "192.0.2.10", 6: "2001:db8:2::10" } as const;
const POD = { 4: "10.244.1.2", 6: "fd00:1::2" } as const;
const FAR = { 4: "203.0.113.7", 6: "2001:db8:9::8" } as const;
/** Pods of the nodes with these addresses. */
const FAR_PODS = {
  "203.0.113.7": { 4: "10.244.3.5", 6: "fd00:3::5" },
  "2001:db8:9::8": { 4: "10.244.4.5", 6: "fd00:4::5" },
} as const;

let lastPort = 7000;
const nextPort = (): number => ++lastPort;

interface Datagram {
  readonly sender: Netns;
  readonly source?: string;
  readonly destination: string;
  readonly port?: number;
  readonly payload: Buffer;
}

function send({ sender, source = "any", destination, port = 4789, payload }: Datagram): Promise<string> {
  const script = new URL("../../testing/packets/send-datagram.ts", import.meta.url);
  return sender.call(script, source, destination, String(port), payload.toString("hex"));
}

/** Packets of one size, the last of which may be shorter, as one datagram that whoever receives it cuts. */
async function sendSegments(sender: Netns, destination: string, packets: readonly Buffer[]): Promise<void> {
  const script = new URL("../../testing/packets/send-segments.ts", import.meta.url).pathname;
  const { length } = packets[0] ?? assert.fail("no packet");
  assert.ok(packets.slice(1, -1).every((packet) => packet.length === length));
  const hex = Buffer.concat(packets).toString("hex");
  await sender.run(process.execPath, script, destination, "4789", String(length), hex);
}

/** To the victim, from a pod of the node "far" or "far6", unless told otherwise. */
function inner(outer: 4 | 6, family: 4 | 6, change: Partial<VxlanPacket> = {}): VxlanPacket {
  return {
    vni: 4096,
    sourceMac: macOf(FAR[outer]),
    destinationMac: macOf(OWN[outer]),
    source: FAR_PODS[FAR[outer]][family],
    destination: POD[family],
    port: nextPort(),
    ...change,
  };
}

/** What the victim has heard once a packet of each node, sent after all others, has arrived. */
async function heardByPod(): Promise<ReadonlySet<number>> {
  const controls: number[] = [];
  for (const outer of [4, 6] as const) {
    for (const family of [4, 6] as const) {
      const port = nextPort();
      controls.push(port);
      const { source, destination } = inner(outer, family);
      await send({ sender: lab.far, source, destination, port, payload: Buffer.alloc(8) });
    }
  }
  let heard: ReadonlySet<number> = new Set();
  await eventually(
    "the victim hears the nodes' pods",
    async () => {
      heard = await heardPorts(lab.pod);
      return controls.every((port) => heard.has(port));
    },
    async () => [controls, [...heard], await runOnHost("nft", "list", "counters")],
  );
  return heard;
}

/** A node sends a truth and lies right behind it, as one packet that its own or the victim's link cuts. */
async function assertLiesUnheard(outer: 4 | 6, family: 4 | 6): Promise<void> {
  const truth = inner(outer, family);
  const lies = liesOf(outer, family);
  await sendSegments(lab.far, OWN[outer], [truth, ...lies].map(formatVxlanPacket));
  const heard = await heardByPod();
  assert.ok(heard.has(truth.port), "the truth arrives");
  assert.deepEqual(
    lies.filter(({ port }) => heard.has(port)).map(({ source }) => source),
    [],
  );
}

async function assertUnheard(packets: readonly VxlanPacket[]): Promise<void> {
  const heard = await heardByPod();
  assert.deepEqual(
    packets.filter(({ port }) => heard.has(port)).map(({ source, port }) => ({ source, port })),
    [],
  );
}

/** From sources that no pod of the sender has. */
function liesOf(outer: 4 | 6, family: 4 | 6): readonly VxlanPacket[] {
  const sources =
    family === 4 ? ["10.244.5.5", "10.244.1.3", "8.8.8.8"] : ["fd00:5::5", "fd00:1::3", "2001:4860::8"];
  return [...sources, POD[family]].map((source) => inner(outer, family, { source }));
}

const FAMILIES = [4, 6] as const;
const COMBINATIONS = FAMILIES.flatMap((outer) => FAMILIES.map((family) => ({ outer, family })));

for (const { outer, family } of COMBINATIONS) {
  const inside = `IPv${family} in IPv${outer}`;

  test(`what a node sends with a plain socket as its VXLAN device would arrives, so that attacks are well made: ${inside}`, async () => {
    const whole = [inner(outer, family), inner(outer, family, { padding: 4000 })];
    for (const packet of whole)
      await send({
        sender: lab.far,
        source: FAR[outer],
        destination: OWN[outer],
        payload: formatVxlanPacket(packet),
      });
    const heard = await heardByPod();
    // The second came in fragments.
    assert.deepEqual(
      whole.map(({ port }) => heard.has(port)),
      [true, true],
    );
  });

  test(`a pod injects into the overlay of its own node: ${inside}`, async () => {
    const packets = [];
    for (const destination of [
      OWN[outer],
      outer === 4 ? "10.244.1.1" : "fd00:1::1",
      outer === 4 ? "198.51.100.10" : "2001:db8:5::10",
    ]) {
      for (const source of [
        FAR_PODS[FAR[outer]][family],
        POD[family],
        family === 4 ? "8.8.8.8" : "2001:4860::8",
      ]) {
        const packet = inner(outer, family, { source });
        packets.push(packet);
        await send({ sender: lab.pod, destination, payload: formatVxlanPacket(packet) });
      }
    }
    await assertUnheard(packets);
  });

  test(`a host on the segment that is no node injects: ${inside}`, async () => {
    const packets = [
      inner(outer, family),
      inner(outer, family, { source: POD[family] }),
      inner(outer, family, { padding: 4000 }),
    ];
    for (const packet of packets)
      await send({ sender: lab.foreign, destination: OWN[outer], payload: formatVxlanPacket(packet) });
    await assertUnheard(packets);
    const counted = 'causeway_dropped_packets_total{reason="overlay-outer"}';
    await eventually(
      "the drops are counted",
      async () => ((await lab.agent.metric(counted)) ?? 0) >= packets.length,
    );
  });

  test(`a host that is no node hides a packet behind one of another network, for the node to cut them: ${inside}`, async () => {
    const decoy = inner(outer, family, { vni: 1 });
    const hidden = inner(outer, family);
    await sendSegments(lab.foreign, OWN[outer], [decoy, hidden].map(formatVxlanPacket));
    await assertUnheard([hidden]);
  });

  test(`a node sends a lie right behind a truth, for the victim's link to put them together: ${inside}`, async () => {
    // The sender's link cuts them; the victim's merges what it can (GRO), as all to a port of no device.
    await runOnHost("ethtool", "-K", "up0", "gro", "on", "rx-udp-gro-forwarding", "on", "rx-gro-list", "on");
    await lab.far.run("ethtool", "-K", "eth0", "tx-udp-segmentation", "off");
    await assertLiesUnheard(outer, family);
  });

  test(`a node hides a lie about the sources of its pods behind a truth, for the victim to cut them: ${inside}`, async () => {
    await assertLiesUnheard(outer, family);
  });

  test(`a host on a link where no node is reached injects under a node's address: ${inside}`, async () => {
    const address = [`${FAR[outer]}/${outer === 4 ? 32 : 128}`, "dev", "lo"];
    const flags = outer === 4 ? [] : ["nodad"]; // or it is tentative for a moment
    await lab.side.run("ip", "address", "add", ...address, ...flags);
    const packet = inner(outer, family);
    for (const destination of [OWN[outer], outer === 4 ? "198.51.100.10" : "2001:db8:5::10"])
      await send({ sender: lab.side, source: FAR[outer], destination, payload: formatVxlanPacket(packet) });
    await lab.side.run("ip", "address", "del", ...address);
    await assertUnheard([packet]);
  });

  test(`a node lies about the sources of its pods: ${inside}`, async () => {
    const others =
      family === 4
        ? ["10.244.5.5", "10.244.1.3", "8.8.8.8", "192.0.2.10", "203.0.113.9", "127.0.0.1"]
        : ["fd00:5::5", "fd00:1::3", "2001:4860::8", "2001:db8:2::10", "fe80::1"];
    const packets = [
      ...others.map((source) => inner(outer, family, { source })),
      inner(outer, family, { source: others[0] ?? "", padding: 4000 }),
      inner(outer, family, { vlan: 7 }),
    ];
    for (const packet of packets)
      await send({
        sender: lab.far,
        source: FAR[outer],
        destination: OWN[outer],
        payload: formatVxlanPacket(packet),
      });
    await assertUnheard(packets);
  });

  test(`a pod sends to the overlay's port of another node, itself or through a service: ${inside}`, async () => {
    const service = outer === 4 ? "10.96.0.1" : "fd00:96::1";
    const ip = outer === 4 ? "ip" : "ip6";
    const to = outer === 4 ? `${FAR[4]}:4789` : `[${FAR[6]}]:4789`;
    await runOnHost(
      "nft",
      `table inet service { chain prerouting { type nat hook prerouting priority -100; ${ip} daddr ${service} udp dport 53 dnat ${ip} to ${to}; }; }`,
    );
    const attempts = [
      { sender: lab.pod, destination: FAR[outer], port: 4789 },
      { sender: lab.pod, destination: service, port: 53 },
    ];
    const packets = [];
    for (const attempt of attempts) {
      const packet = inner(outer, family, { source: POD[family], destination: FAR_PODS[FAR[outer]][family] });
      packets.push(packet);
      await send({ ...attempt, payload: formatVxlanPacket(packet) });
    }
    await runOnHost("nft", "delete table inet service");
    const control = nextPort();
    await send({
      sender: lab.pod,
      destination: FAR_PODS[FAR[outer]][4],
      port: control,
      payload: Buffer.alloc(8),
    });
    await eventually("the node hears the pod", async () => (await heardPorts(lab.far)).has(control));
    const heard = await heardPorts(lab.far);
    assert.deepEqual(
      packets.filter(({ port }) => heard.has(port)),
      [],
    );
  });
}

test("a node completes a datagram of another node's pod with a fragment of its own", async () => {
  const send4 = async (outer: 4 | 6, packet: VxlanPacket): Promise<void> => {
    const [source, destination] = [FAR[outer], OWN[outer]];
    await send({ sender: lab.far, source, destination, payload: formatVxlanPacket(packet) });
  };
  const [whole, mixed] = [inner(4, 4), inner(4, 4, { destination: POD[4] })];
  await send4(4, { ...whole, fragment: "first" });
  await send4(4, { ...whole, fragment: "last" });
  await send4(4, { ...mixed, fragment: "first" });
  await send4(6, { ...mixed, fragment: "last", sourceMac: macOf(FAR[6]), destinationMac: macOf(OWN[6]) });
  const heard = await heardByPod();
  assert.deepEqual(
    [whole, mixed].map(({ port }) => heard.has(port)),
    [true, false],
  );
});

for (const outer of FAMILIES) {
  test(`the node learns no neighbour from a question that is hidden behind a truth: IPv${outer}`, async () => {
    const truth = inner(outer, 4);
    const asker = "10.244.3.77";
    const frame = Buffer.concat([
      formatVxlanPacket(truth).subarray(0, 20), // VXLAN header and MACs
      Buffer.from("08060001080006040001", "hex"), // ARP: who has
      macToBytes(truth.sourceMac),
      addressToBytes(asker),
      Buffer.alloc(6),
      addressToBytes("10.244.1.1"),
    ]);
    await sendSegments(lab.far, OWN[outer], [formatVxlanPacket(truth), frame]);
    assert.ok((await heardByPod()).has(truth.port));
    assert.doesNotMatch(await runOnHost("ip", "neigh", "show", "nud", "all"), new RegExp(asker));
  });

  test(`a service leads to the overlay's port of the node, or of another, for who is no node: IPv${outer}`, async () => {
    const ip = outer === 4 ? "ip" : "ip6";
    const targets = [OWN[outer], FAR[outer]];
    const dnats = targets.map(
      (target, index) =>
        `${ip} daddr ${OWN[outer]} udp dport ${30_000 + index} dnat ${ip} to ${outer === 4 ? target : `[${target}]`}:4789`,
    );
    await runOnHost(
      "nft",
      `table inet service {
        chain prerouting { type nat hook prerouting priority -100; ${dnats.join("; ")}; }
        chain postrouting { type nat hook postrouting priority 100; oifname "up0" ct status dnat masquerade; }
      }`,
    );
    const toOwn = inner(outer, 4);
    const toFar = inner(outer, 4, { source: POD[4], destination: FAR_PODS[FAR[outer]][4] });
    for (const sender of [lab.foreign, lab.far]) {
      await send({ sender, destination: OWN[outer], port: 30_000, payload: formatVxlanPacket(toOwn) });
      await send({ sender, destination: OWN[outer], port: 30_001, payload: formatVxlanPacket(toFar) });
    }
    await runOnHost("nft", "delete table inet service");
    await assertUnheard([toOwn]);
    assert.equal((await heardPorts(lab.far)).has(toFar.port), false);
  });
}

test("large packets pass between pods through the overlay, also in fragments outside", async () => {
  await lab.far.run("ip", "route", "change", "default", "via", "203.0.113.1", "mtu", "1000");
  for (const [source, destination] of [
    ["10.244.3.5", POD[4]],
    ["fd00:3::5", POD[6]],
    ["10.244.4.5", POD[4]],
    ["fd00:4::5", POD[6]],
  ] as const)
    await lab.far.run("ping", "-c", "1", "-w", "5", "-s", "1300", "-I", source, destination);
  await lab.far.run("ip", "route", "change", "default", "via", "203.0.113.1");
});

test("connections of pods are tracked once, not a second time in what carries them between nodes", async () => {
  for (const destination of ["10.244.3.5", "fd00:4::5"])
    await lab.pod.run("ping", "-c", "1", "-w", "5", destination);
  await lab.far.run("ping", "-c", "1", "-w", "5", "-I", "10.244.3.5", POD[4]);
  const tracked = (await runOnHost("cat", "/proc/net/nf_conntrack")).split("\n");
  assert.ok(tracked.some((line) => line.includes("src=10.244.1.2 dst=10.244.3.5 type=8")));
  const between = tracked.filter((line) =>
    [FAR[4], "2001:0db8:0009:0000:0000:0000:0000:0008"].some((far) => line.includes(`=${far} `)),
  );
  assert.deepEqual(
    between.filter((line) => line.includes("dport=4789")),
    [],
  );
});

test("another network on the same port is left alone", async () => {
  await host(`ip link add flannel.1 type vxlan id 1 dstport 4789 local ${OWN[4]} nolearning; ip address add 172.30.0.1/24 dev flannel.1; ip link set flannel.1 up
    bridge fdb append 00:00:00:00:00:00 dev flannel.1 dst 192.0.2.66 self permanent`);
  await lab.foreign.run(
    "sh",
    "-ec",
    `ip link add flannel.1 type vxlan id 1 dstport 4789 local 192.0.2.66 nolearning; ip address add 172.30.0.2/24 dev flannel.1; ip link set flannel.1 up
    bridge fdb append 00:00:00:00:00:00 dev flannel.1 dst ${OWN[4]} self permanent`,
  );
  await lab.foreign.run("ping", "-c", "1", "-w", "5", "172.30.0.1");
  await runOnHost("ip", "link", "del", "flannel.1");
  await lab.foreign.run("ip", "link", "del", "flannel.1");
});

test("an ordinary VXLAN device of a host that is no node has no conversation with a pod", async () => {
  await lab.foreign.run(
    "sh",
    "-ec",
    `ip link add vx mtu 1400 address ${macOf("192.0.2.66")} type vxlan id 4096 local 192.0.2.66 dstport 4789 nolearning
    ip address add 10.244.3.66/32 dev vx; ip link set vx up; bridge fdb add ${macOf(OWN[4])} dev vx dst ${OWN[4]} self permanent
    ip neigh add 10.244.1.1 lladdr ${macOf(OWN[4])} dev vx; ip route add 10.244.1.0/24 via 10.244.1.1 dev vx onlink`,
  );
  const port = nextPort();
  await send({
    sender: lab.foreign,
    source: "10.244.3.66",
    destination: POD[4],
    port,
    payload: Buffer.alloc(8),
  });
  assert.equal((await heardByPod()).has(port), false);
});

test("nodes that come, go and move are followed", async () => {
  const [far, ...others] = OVERLAY_NODES;
  const arrives = async (source: string): Promise<boolean> => {
    const packet = inner(4, 4, { source: "10.244.3.5" });
    await send({ sender: lab.far, source, destination: OWN[4], payload: formatVxlanPacket(packet) });
    return (await heardByPodSoon()).has(packet.port);
  };
  lab.tell([{ ...far, addresses: ["203.0.113.9"] }, ...others.slice(0, 1)]);
  await eventually("the node's new address counts", () => arrives("203.0.113.9"));
  assert.equal(await arrives("203.0.113.7"), false);
  lab.tell(others);
  await eventually("the node that went is none any more", async () => !(await arrives("203.0.113.9")));
  lab.tell(OVERLAY_NODES);
  await eventually("the node is back", () => arrives("203.0.113.7"));
});

test("an agent that starts without a nodes file, and does not know itself, lets in whom the kernel has routes to, and nobody else", async () => {
  await lab.agent.end("SIGTERM");
  rmSync(lab.node.nodesFile);
  lab.node.start("--standalone", "--nodes-file", lab.node.nodesFile);
  const rules = (): Promise<string> => runOnHost("nft", "list", "chain", "inet", "causeway", "overlay-input");
  await eventually(
    "the new agent has written its rules",
    async () => !(await rules()).includes('"own4 '),
    rules,
  );
  const foreign = inner(4, 4);
  await send({ sender: lab.foreign, destination: OWN[4], payload: formatVxlanPacket(foreign) });
  const lie = inner(4, 4, { source: "10.244.5.5" });
  await send({ sender: lab.far, source: FAR[4], destination: OWN[4], payload: formatVxlanPacket(lie) });
  await assertUnheard([foreign, lie]);
});

/** What the victim has heard once the other node, which stays as it is, was heard after all that was sent. */
async function heardByPodSoon(): Promise<ReadonlySet<number>> {
  const port = nextPort();
  await send({ sender: lab.far, source: "10.244.4.5", destination: POD[4], port, payload: Buffer.alloc(8) });
  await eventually("the victim hears the node that stays", async () => (await heardPorts(lab.pod)).has(port));
  return heardPorts(lab.pod);
}
