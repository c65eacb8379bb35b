/**
 * What nodes have and the machines of other suites lack: an uplink that is a VLAN on a bond, services of IPVS, which take addresses of their own on
 * the node, and SCTP by real sockets.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { run, startNode, until } from "./guest-node.ts";

const NODES_FILE = "/run/nodes.yaml";
const [NODE, OUTSIDE, SERVICE] = ["192.0.2.10", "192.0.2.1", "10.96.0.1"];
/** Of a pod of the other node, which is all of the world here. */
const PEER_POD = "10.244.2.1";

// Two cables to one switch, of which the bond uses one; on both sides VLAN 7.
run(`
ip netns add outside; ip netns add a; ip netns add b
ip link add bond0 mtu 1400 type bond mode active-backup miimon 50
ip -n outside link add switch type bridge
for number in 0 1; do
  ip link add slave$number mtu 1400 type veth peer name port$number mtu 1400 netns outside
  ip link set slave$number master bond0
  ip -n outside link set port$number master switch up
done
ip link set bond0 up
ip link add bond0.7 link bond0 type vlan id 7
ip address add ${NODE}/24 dev bond0.7; ip link set bond0.7 up; ip route add default via ${OUTSIDE}
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

/** What a server answers; "" when nobody does. */
function ask(netns: string, target: string): string {
  return run(`ip netns exec ${netns} socat -t 3 -T 3 - ${target} </dev/null 2>/dev/null || true`).trim();
}

const pings = (target: string): boolean =>
  run(`ip netns exec a ping -c 1 -W 1 ${target} || true`).includes(" 1 received");

test("with a VLAN on a bond as uplink pods have its MTU, and reach the world and, directly, pods of another node", async () => {
  assert.match(run("ip -n a link show eth0"), / mtu 1400 /);
  assert.match(run("ip route"), /^10\.244\.2\.0\/24 via 192\.0\.2\.1 dev bond0\.7/m);
  for (const target of [OUTSIDE, PEER_POD]) await until(`pod a reaches ${target}`, () => pings(target));
});

test("when a cable of the bond fails pods go on", async () => {
  const active = (): string => run("cat /sys/class/net/bond0/bonding/active_slave").trim();
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

test("nothing of it is left behind a pod's end", () => {
  assert.equal(node.call("DEL", { containerId: "b", netns: "b" }).exitCode, 0);
  for (const target of [`TCP:${NODE}:80`, `SCTP:${NODE}:3868`])
    assert.equal(ask("outside", target), "", target);
});
