/**
 * What nodes have and the machines of other suites lack: an uplink that is a VLAN on a bond, services of
 * IPVS, which take addresses of their own on the node, SCTP by real sockets, fallback devices of tunnels in
 * every namespace, and namespaces that inherit the node's sysctls.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { familyOf } from "../../../agent/net/address.ts";
import { macOf } from "../../../agent/net/mac.ts";
import { askAtOnce, workersLast } from "./first-packet.ts";
import { run, startNode, until } from "./guest-node.ts";

const NODES_FILE = "/run/nodes.yaml";
/** Of pods: what the overlay adds, over IPv6 where two nodes share no more than that, fits into the uplink. */
const MTU = 1400 - 70;
/**
 * Of both families; `peerPod` is of a pod of the other node of this subnet, `farPod` of one that is reached
 * through the overlay. All the world is one namespace here.
 */
const FAMILIES = [
  {
    node: "192.0.2.10",
    outside: "192.0.2.1",
    gateway: "10.244.1.1",
    podB: "10.244.1.3",
    podCidr: "10.244.1.0/24",
    peerPod: "10.244.2.1",
    peerCidr: "10.244.2.0/24",
    farPod: "10.244.3.1",
    farCidr: "10.244.3.0/24",
    service: "10.96.0.1",
    /** What is left to ICMP of a pod's largest packet. */
    largest: MTU - 20 - 8,
  },
  {
    node: "2001:db8::10",
    outside: "2001:db8::1",
    gateway: "fd00:244:1::1",
    podB: "fd00:244:1::3",
    podCidr: "fd00:244:1::/64",
    peerPod: "fd00:244:2::1",
    peerCidr: "fd00:244:2::/64",
    farPod: "fd00:244:3::1",
    farCidr: "fd00:244:3::/64",
    service: "fd00:96::1",
    largest: MTU - 40 - 8,
  },
] as const;
const [V4, V6] = FAMILIES;
const FAR = "198.51.100.7";
const inUrl = (address: string): string => (familyOf(address) === 6 ? `[${address}]` : address);
/** ip(8) for the family of an address or a prefix. */
const ipOf = (text: string): string => `ip -${familyOf(text)}`;

/** The kernel takes those of IPv6 from a link that goes down, as one does that gets into a VRF. */
const ADDRESSES = `ip address replace ${V4.node}/24 dev bond1.7; ip address replace ${V6.node}/64 dev bond1.7 nodad
ip route replace default via ${V4.outside}; ip -6 route replace default via ${V6.outside}`;

// Two cables to one switch, of which the bond uses one; on both sides VLAN 7. Its module makes a bond0 that
// nobody uses.
run(`
for module in sit ipip ip_gre ip6_tunnel; do modprobe $module; done
sysctl -qw net.core.devconf_inherit_init_net=1 net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.arp_ignore=1 net.ipv4.neigh.default.gc_thresh1=0
ip netns add outside; ip netns add a; ip netns add b
ip netns exec outside sysctl -qw net.ipv4.conf.all.rp_filter=0
ip link add bond1 mtu 1400 type bond mode active-backup miimon 50
ip -n outside link add switch type bridge
for number in 0 1; do
  ip link add slave$number mtu 1400 type veth peer name port$number mtu 1400 netns outside
  ip link set slave$number master bond1
  ip -n outside link set port$number master switch up
done
ip link set bond1 up
ip link add bond1.7 link bond1 type vlan id 7
ip link set bond1.7 up; ${ADDRESSES}
ip -n outside link set lo up; ip -n outside link set switch up
ip -n outside link add switch.7 link switch type vlan id 7
ip -n outside address add ${V4.outside}/24 dev switch.7; ip -n outside address add ${V6.outside}/64 dev switch.7 nodad
ip -n outside link set switch.7 up
ip -n outside address add ${V4.peerPod}/32 dev lo; ip -n outside address add ${V6.peerPod}/128 dev lo
ip -n outside address add ${FAR}/32 dev lo; ip -n outside address add ${V4.farPod}/32 dev lo; ip -n outside address add ${V6.farPod}/128 dev lo
ip -n outside link add vx0 address ${macOf(FAR)} type vxlan id 4096 dstport 4789 local ${FAR} remote ${V4.node} nolearning
ip -n outside link set vx0 up`);
// Who has two nodes' addresses answers each pod by the way that it came.
for (const { gateway, node, podCidr, farPod, peerPod } of FAMILIES)
  run(`ip -n outside neigh add ${gateway} lladdr ${macOf(V4.node)} dev vx0 nud permanent
ip -n outside route add ${podCidr} via ${gateway} dev vx0 src ${farPod} onlink table 3
${ipOf(farPod)} -n outside rule add from ${farPod} table 3
ip -n outside route add ${podCidr} via ${node} src ${peerPod}`);
writeFileSync(
  NODES_FILE,
  `- {name: guest, addresses: ["${V4.node}", "${V6.node}"], podCIDRs: ["${V4.podCidr}", "${V6.podCidr}"]}
- {name: peer, addresses: ["${V4.outside}", "${V6.outside}"], podCIDRs: ["${V4.peerCidr}", "${V6.peerCidr}"]}
- {name: far, addresses: ["${FAR}"], podCIDRs: ["${V4.farCidr}", "${V6.farCidr}"]}
`,
);
const node = await startNode(["--nodes-file", NODES_FILE, "--node-name", "guest"]);
const servers: ChildProcess[] = [];
after(async () => {
  for (const server of servers) server.kill();
  await node.stop();
});

const PORTS = [
  { hostPort: 80, containerPort: 9090, protocol: "tcp" },
  { hostPort: 3868, containerPort: 3868, protocol: "sctp" },
];
for (const netns of ["a", "b"]) {
  const config = netns === "b" ? { runtimeConfig: { portMappings: PORTS } } : {};
  const { exitCode, stdout } = node.call("ADD", { containerId: netns, netns, config });
  assert.equal(exitCode, 0, stdout);
}

/** Serves one word in pod b; `listen` is an address of socat(1). */
function serve(listen: string, word: string): void {
  servers.push(
    spawn("ip", ["netns", "exec", "b", "socat", `${listen},fork`, `SYSTEM:echo ${word}`], {
      stdio: "inherit",
    }),
  );
}

/** What a server answers; "" when there is none. Reads only: SCTP has no half-closed connections. */
function ask(netns: string, target: string): string {
  return run(`ip netns exec ${netns} socat -u -T 3 ${target} - 2>/dev/null || true`).trim();
}

/** Whether pod a gets an answer to `bytes` in a packet that nobody may cut. */
const pings = (target: string, bytes = 56): boolean =>
  run(`ip netns exec a ping -c 1 -W 1 -M do -s ${bytes} ${target} || true`).includes(" 1 received");

/** Commands that print the route to another node's pods, if there is one. */
const directRoute = (cidr: string, gateway: string): string =>
  `${ipOf(cidr)} route show ${cidr} via ${gateway} dev bond1.7`;
const overlayRoute = (cidr: string): string =>
  `${ipOf(cidr)} route show ${cidr} dev cw-vx 2>/dev/null || true`;

async function untilWorldIsReached(): Promise<void> {
  for (const { outside, peerPod, farPod } of FAMILIES)
    for (const target of [outside, peerPod, farPod])
      await until(`pod a reaches ${target}`, () => pings(target));
}

test("with a VLAN on a bond as uplink pods have its MTU, and reach the world and pods of other nodes, directly and through the overlay", async () => {
  assert.match(run("ip -n a link show eth0"), new RegExp(` mtu ${MTU} `));
  for (const { peerCidr, outside, farCidr } of FAMILIES) {
    assert.notEqual(run(directRoute(peerCidr, outside)), "", peerCidr);
    assert.notEqual(run(overlayRoute(farCidr)), "", farCidr);
  }
  await untilWorldIsReached();
});

test("pods live with fallback devices of tunnels in every namespace, and with the node's sysctls, which theirs inherit", () => {
  for (const device of ["sit0", "tunl0", "gre0", "ip6tnl0"]) run(`ip -n a link show ${device}`);
  assert.equal(run("ip netns exec a sysctl -n net.ipv4.conf.eth0.arp_ignore"), "1\n");
  for (const { podB } of FAMILIES) assert.ok(pings(podB), podB);
});

test("a pod's first packet is answered also where the kernel's worker that sees carriers comes last", async () => {
  run("ip netns add c");
  const add = (): void => {
    const { exitCode, stdout } = node.call("ADD", { containerId: "c", netns: "c" });
    assert.equal(exitCode, 0, stdout);
  };
  const gateways = FAMILIES.map(({ gateway }) => gateway);
  const answers = await askAtOnce(node.pid, { netns: "c", gateways, add }, workersLast(1));
  const all = ["first", "second"].flatMap((word) => gateways.map((gateway) => `${word} ${gateway}`));
  assert.deepEqual(answers.toSorted(), all);
  assert.equal(node.call("DEL", { containerId: "c", netns: "c" }).exitCode, 0);
});

test("over an uplink with delay and loss all that was taken is repaired, and pods reach other nodes, with their largest packets too", async (t) => {
  const routes = FAMILIES.flatMap(({ peerCidr, outside, farCidr }) => [
    [`ip route del ${peerCidr}`, directRoute(peerCidr, outside)],
    [`ip link del cw-vx # ${farCidr}`, overlayRoute(farCidr)],
  ]);
  t.after(() => run("tc qdisc del dev bond1.7 root 2>/dev/null || true"));
  run("tc qdisc add dev bond1.7 root netem delay 40ms loss 20%");
  for (const [take = "", look = ""] of [
    ...routes,
    ["ip link del cw0", "ip link show cw0 2>/dev/null || true"],
    ["nft flush ruleset", "nft list tables"],
    ["sysctl -qw net.ipv4.conf.cw0.forwarding=0", "sysctl net.ipv4.conf.cw0.forwarding | grep 1$ || true"],
    ["sysctl -qw net.ipv6.conf.all.forwarding=0", "sysctl net.ipv6.conf.all.forwarding | grep 1$ || true"],
  ]) {
    run(take);
    await until(`what "${take}" took is back`, () => run(look) !== "");
    for (const { peerPod, farPod, largest } of FAMILIES)
      for (const target of [peerPod, farPod])
        for (const bytes of [56, largest])
          await until(`pod a reaches ${target} after "${take}"`, () => pings(target, bytes));
  }
  run("tc qdisc del dev bond1.7 root");
  for (const { peerPod, farPod, largest } of FAMILIES)
    for (const target of [peerPod, farPod]) {
      await until(`pod a reaches ${target}`, () => pings(target, largest));
      assert.equal(pings(target, largest + 1), false, target);
    }
});

test("when a cable of the bond fails pods go on", async () => {
  const active = (): string => run("cat /sys/class/net/bond1/bonding/active_slave").trim();
  const [before, other] = active() === "slave0" ? ["0", "slave1"] : ["1", "slave0"];
  run(`ip -n outside link set port${before} down`);
  await until("the bond uses the other cable", () => active() === other);
  await untilWorldIsReached();
});

test("a service of IPVS keeps its port beside a host port of the same number", async () => {
  serve("TCP6-LISTEN:8080,ipv6only=0", "service");
  serve("TCP6-LISTEN:9090,ipv6only=0", "host-port");
  run("modprobe ip_vs; sysctl -qw net.ipv4.vs.conntrack=1; ip link add kube-ipvs0 type dummy");
  for (const { node: address, service, podB } of FAMILIES) {
    const target = `${inUrl(service)}:80`;
    run(`ip address add ${service} dev kube-ipvs0
ipvsadm -A -t ${target} -s rr; ipvsadm -a -t ${target} -r ${inUrl(podB)}:8080 -m`);
    await until(`a pod reaches ${target}`, () => ask("a", `TCP:${target}`) === "service");
    for (const netns of ["outside", "a"])
      assert.equal(ask(netns, `TCP:${inUrl(address)}:80`), "host-port", `${address} from ${netns}`);
  }
});

test("a host port of SCTP leads to its pod", async () => {
  serve("SCTP6-LISTEN:3868,ipv6only=0", "diameter");
  for (const { node: address } of FAMILIES) {
    const target = `SCTP:${inUrl(address)}:3868`;
    await until(`the world reaches ${target}`, () => ask("outside", target) === "diameter");
    assert.equal(ask("a", target), "diameter", target);
  }
});

test("an uplink that is put into a VRF is told with the way out of it, and works again once it is out", async () => {
  const named = FAMILIES.map((family) => `${family.node} \\(link "bond1.7", VRF "blue"\\)`);
  const told = `warning: VRF: addresses of this node are in a VRF, .*${named.join(".*")}; give the node`;
  run(`ip link add blue type vrf table 77; ip link set blue up; ip link set bond1.7 master blue
ip address replace ${V6.node}/64 dev bond1.7 nodad`);
  await until("readiness warns", async () => new RegExp(told).test(await node.readiness()));
  run(`ip link set bond1.7 nomaster; ip link del blue; ${ADDRESSES}`);
  await until("the warning is over", async () => (await node.readiness()) === "ok\n");
  await untilWorldIsReached();
});

test("nothing of it is left behind a pod's end", () => {
  assert.equal(node.call("DEL", { containerId: "b", netns: "b" }).exitCode, 0);
  for (const { node: address } of FAMILIES)
    for (const target of [`TCP:${inUrl(address)}:80`, `SCTP:${inUrl(address)}:3868`])
      assert.equal(ask("outside", target), "", target);
});
