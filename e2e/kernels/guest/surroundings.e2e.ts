/**
 * What nodes have and the machines of other suites lack: an uplink that is a VLAN on a bond, services of
 * IPVS, which take addresses of their own on the node, SCTP by real sockets, fallback devices of tunnels in
 * every namespace, and namespaces that inherit the node's sysctls.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { askAtOnce, workersLast } from "./first-packet.ts";
import { run, startNode, until } from "./guest-node.ts";

const NODES_FILE = "/run/nodes.yaml";
const [NODE, OUTSIDE, SERVICE] = ["192.0.2.10", "192.0.2.1", "10.96.0.1"];
/** Of a pod of the other node, which is all of the world here. */
const PEER_POD = "10.244.2.1";

// Two cables to one switch, of which the bond uses one; on both sides VLAN 7. Its module makes a bond0 that
// nobody uses.
run(`
for module in sit ipip ip_gre ip6_tunnel; do modprobe $module; done
sysctl -qw net.core.devconf_inherit_init_net=1 net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.arp_ignore=1 net.ipv4.neigh.default.gc_thresh1=0
ip netns add outside; ip netns add a; ip netns add b
ip link add bond1 mtu 1400 type bond mode active-backup miimon 50
ip -n outside link add switch type bridge
for number in 0 1; do
  ip link add slave$number mtu 1400 type veth peer name port$number mtu 1400 netns outside
  ip link set slave$number master bond1
  ip -n outside link set port$number master switch up
done
ip link set bond1 up
ip link add bond1.7 link bond1 type vlan id 7
ip address add ${NODE}/24 dev bond1.7; ip link set bond1.7 up; ip route add default via ${OUTSIDE}
ip -n outside link set lo up; ip -n outside link set switch up
ip -n outside link add switch.7 link switch type vlan id 7
ip -n outside address add ${OUTSIDE}/24 dev switch.7; ip -n outside link set switch.7 up
ip -n outside address add ${PEER_POD}/32 dev lo; ip -n outside route add 10.244.1.0/24 via ${NODE}`);
writeFileSync(
  NODES_FILE,
  `- {name: guest, addresses: [${NODE}], podCIDRs: [10.244.1.0/24]}\n- {name: peer, addresses: [${OUTSIDE}], podCIDRs: [10.244.2.0/24]}\n`,
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

/** Of a pod's largest packet what is left to ICMP over IPv4. */
const LARGEST = 1350 - 28;

test("with a VLAN on a bond as uplink pods have its MTU, and reach the world and, directly, pods of another node", async () => {
  // What the overlay adds fits into the uplink.
  assert.match(run("ip -n a link show eth0"), / mtu 1350 /);
  assert.match(run("ip route"), /^10\.244\.2\.0\/24 via 192\.0\.2\.1 dev bond1\.7/m);
  for (const target of [OUTSIDE, PEER_POD]) await until(`pod a reaches ${target}`, () => pings(target));
});

test("pods live with fallback devices of tunnels in every namespace, and with the node's sysctls, which theirs inherit", () => {
  for (const device of ["sit0", "tunl0", "gre0", "ip6tnl0"]) run(`ip -n a link show ${device}`);
  assert.equal(run("ip netns exec a sysctl -n net.ipv4.conf.eth0.arp_ignore"), "1\n");
  assert.ok(pings("10.244.1.3"));
});

test("a pod's first packet is answered also where the kernel's worker that sees carriers comes last", async () => {
  run("ip netns add c");
  const add = (): void => {
    const { exitCode, stdout } = node.call("ADD", { containerId: "c", netns: "c" });
    assert.equal(exitCode, 0, stdout);
  };
  const gateway = "10.244.1.1";
  const answers = await askAtOnce(node.pid, { netns: "c", gateways: [gateway], add }, workersLast(1));
  assert.deepEqual(answers, [`first ${gateway}`, `second ${gateway}`]);
  assert.equal(node.call("DEL", { containerId: "c", netns: "c" }).exitCode, 0);
});

test("over an uplink with delay and loss all that was taken is repaired, and pods reach the other node, with their largest packets too", async () => {
  run("tc qdisc add dev bond1.7 root netem delay 40ms loss 20%");
  for (const [take, look] of [
    ["ip route del 10.244.2.0/24", "ip route show 10.244.2.0/24 via 192.0.2.1 dev bond1.7"],
    ["ip link del cw0", "ip link show cw0 2>/dev/null || true"],
    ["nft flush ruleset", "nft list tables"],
    ["sysctl -qw net.ipv4.conf.cw0.forwarding=0", "sysctl net.ipv4.conf.cw0.forwarding | grep 1$ || true"],
  ] as const) {
    run(take);
    await until(`what "${take}" took is back`, () => run(look) !== "");
    for (const bytes of [56, LARGEST]) await until(`pod a reaches ${PEER_POD}`, () => pings(PEER_POD, bytes));
  }
  assert.equal(pings(PEER_POD, LARGEST + 1), false);
  run("tc qdisc del dev bond1.7 root");
});

test("when a cable of the bond fails pods go on", async () => {
  const active = (): string => run("cat /sys/class/net/bond1/bonding/active_slave").trim();
  const [before, other] = active() === "slave0" ? ["0", "slave1"] : ["1", "slave0"];
  run(`ip -n outside link set port${before} down`);
  await until("the bond uses the other cable", () => active() === other);
  for (const target of [OUTSIDE, PEER_POD]) await until(`pod a reaches ${target}`, () => pings(target));
});

test("a service of IPVS keeps its port beside a host port of the same number", async () => {
  serve("TCP-LISTEN:8080", "service");
  serve("TCP-LISTEN:9090", "host-port");
  run(`ip link add kube-ipvs0 type dummy; ip address add ${SERVICE}/32 dev kube-ipvs0
ipvsadm -A -t ${SERVICE}:80 -s rr; ipvsadm -a -t ${SERVICE}:80 -r 10.244.1.3:8080 -m
sysctl -qw net.ipv4.vs.conntrack=1`);
  await until("a pod reaches the service", () => ask("a", `TCP:${SERVICE}:80`) === "service");
  assert.equal(ask("outside", `TCP:${NODE}:80`), "host-port");
  assert.equal(ask("a", `TCP:${NODE}:80`), "host-port");
});

test("a host port of SCTP leads to its pod", async () => {
  serve("SCTP-LISTEN:3868", "diameter");
  await until("the world reaches it", () => ask("outside", `SCTP:${NODE}:3868`) === "diameter");
  assert.equal(ask("a", `SCTP:${NODE}:3868`), "diameter");
});

test("an uplink that is put into a VRF is told with the way out of it, and works again once it is out", async () => {
  const told = `warning: VRF: addresses of this node are in a VRF, .*${NODE} \\(link "bond1.7", VRF "blue"\\); give the node`;
  run("ip link add blue type vrf table 77; ip link set blue up; ip link set bond1.7 master blue");
  await until("readiness warns", async () => new RegExp(told).test(await node.readiness()));
  run(`ip link set bond1.7 nomaster; ip link del blue; ip route replace default via ${OUTSIDE}`);
  await until("the warning is over", async () => (await node.readiness()) === "ok\n");
  for (const target of [OUTSIDE, PEER_POD]) await until(`pod a reaches ${target}`, () => pings(target));
});

test("nothing of it is left behind a pod's end", () => {
  assert.equal(node.call("DEL", { containerId: "b", netns: "b" }).exitCode, 0);
  for (const target of [`TCP:${NODE}:80`, `SCTP:${NODE}:3868`])
    assert.equal(ask("outside", target), "", target);
});
