import assert from "node:assert/strict";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { type AgentProcess, makeNode, NODE_NAME, type TestNode } from "../../testing/agent/agent-process.ts";
import { type ApiServer, startApiServer } from "../../testing/kube/api-server.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { writeKubeconfig } from "../../testing/kube/kubeconfig.ts";
import { host } from "../../testing/machine/netns.ts";
import { runShipped } from "../../testing/agent/run-causeway.ts";

let node: TestNode;
let api: ApiServer;

/** Two links of 9,000 bytes with carrier, up0 and up1, of which the first has an address of each family. */
beforeEach(async () => {
  node = makeNode();
  api = await startApiServer();
  for (const name of ["up0", "up1"])
    await host(
      `ip link add ${name} mtu 9000 type veth peer name far-${name} && ip link set far-${name} up && ip link set ${name} up`,
    );
  await host("ip address add 192.0.2.10/24 dev up0; ip address add 2001:db8:2::10/64 dev up0 nodad");
});

afterEach(async () => {
  await node.remove();
  await host(
    "for link in up0 up1 cw-vx cw-vx6 wg0; do ip link del $link 2>/dev/null || true; done; ip address flush dev lo scope global",
  );
  await api.close();
});

function put(name: string, addresses: readonly string[], ...podCIDRs: readonly string[]): void {
  api.store.put({ name, addresses, podCIDRs });
}

function startAgent(...flags: readonly string[]): AgentProcess {
  const kubeconfig = join(node.folder, "kubeconfig");
  writeKubeconfig({ path: kubeconfig, server: api.url, user: { token: "secret" } });
  return node.start("--kubeconfig", kubeconfig, ...flags);
}

/** The route to a prefix, as ip shows it; empty if there is none. */
const routeTo = async (prefix: string): Promise<string> =>
  (await host(`ip ${prefix.includes(":") ? "-6" : "-4"} route show ${prefix} proto 99`)).trim();

const eventuallyRoute = (agent: AgentProcess, prefix: string, wanted: RegExp): Promise<void> =>
  eventually(
    `the route to ${prefix} is ${wanted}`,
    async () => wanted.test(await routeTo(prefix)),
    async () => [await routeTo(prefix), agent.log()],
  );

const forwards = async (link: string): Promise<boolean> =>
  (await host(`cat /proc/sys/net/ipv4/conf/${link}/forwarding`)).trim() === "1";

const mtuOf = async (link: string): Promise<number> =>
  Number(/mtu (\d+)/.exec(await host(`ip link show ${link}`))?.[1]);

test("over a node network without neighbours, as WireGuard's, pods' packets take the overlay instead of going nowhere (k3s-io/k3s#1104, netbirdio/netbird#695)", async () => {
  await host(`ip tuntap add mode tun name wg0 && ip link set wg0 mtu 1420 up && ip address add 10.10.0.1/24 dev wg0 &&
    ip address add fd00:10::1/64 dev wg0 nodad`);
  put(NODE_NAME, ["10.10.0.1", "fd00:10::1"], "10.244.1.0/24", "fd00:1::/64");
  put("near", ["10.10.0.2", "fd00:10::2"], "10.244.2.0/24", "fd00:2::/64");
  const agent = startAgent();
  await agent.waitUntilReady();
  await eventuallyRoute(agent, "10.244.2.0/24", /dev cw-vx /);
  await eventuallyRoute(agent, "fd00:2::/64", /dev cw-vx /);
  assert.deepEqual([await mtuOf("cw0"), await mtuOf("cw-vx"), await forwards("wg0")], [1350, 1370, true]);
});

test("over such a network with the overlay off, the node is reported as unreachable with the reason, and gets no route", async () => {
  await host("ip tuntap add mode tun name wg0 && ip link set wg0 up && ip address add 10.10.0.1/24 dev wg0");
  put(NODE_NAME, ["10.10.0.1"], "10.244.1.0/24");
  put("near", ["10.10.0.2"], "10.244.2.0/24");
  const agent = startAgent("--overlay", "never");
  await agent.waitUntilReady();
  assert.equal(await routeTo("10.244.2.0/24"), "");
  assert.equal(await agent.metric('causeway_peers{route="unreachable"}'), 1);
  assert.match(agent.log(), /behind link \\"wg0\\", which has no neighbours, and the overlay is off/);
});

test("a node whose address is on the loopback, as with BGP on the host, follows its routes: one path, several, none (cilium/cilium#27121, kubernetes/kubeadm#2323)", async () => {
  await host(`ip address add 198.51.100.10/24 dev up1; ip address add 10.255.0.1/32 dev lo
    ip route add 10.255.0.2/32 nexthop via 192.0.2.1 nexthop via 198.51.100.1`);
  put(NODE_NAME, ["10.255.0.1"], "10.244.1.0/24");
  put("second", ["10.255.0.2"], "10.244.2.0/24");
  const agent = startAgent();
  await agent.waitUntilReady();
  await eventuallyRoute(agent, "10.244.2.0/24", /dev cw-vx /);
  assert.deepEqual([await mtuOf("cw0"), await mtuOf("cw-vx")], [8950, 8950]);
  assert.deepEqual([await forwards("up0"), await forwards("up1")], [true, true]);

  put("third", ["10.255.0.3"], "10.244.3.0/24");
  const unreachable = (): Promise<number | undefined> => agent.metric('causeway_peers{route="unreachable"}');
  await eventually("a node without a route is counted", async () => (await unreachable()) === 1, agent.log);
  const fault =
    /node "third" cannot be reached at 10.244.3.0\/24: for its address 10.255.0.3: the kernel has no route to it/;
  await eventually("the log says why", () => fault.test(agent.log().replaceAll("\\", "")), agent.log);
  await host("ip route add 10.255.0.3/32 via 198.51.100.1");
  await eventually("its route is noticed", async () => (await unreachable()) === 0, agent.log);
  assert.match(await routeTo("10.244.3.0/24"), /dev cw-vx /);

  await agent.end("SIGKILL");
  const next = startAgent();
  await next.waitUntilReady();
  assert.deepEqual([await mtuOf("cw0"), await mtuOf("cw-vx")], [8950, 8950]);
});

test("an agent that restarts while nothing tells it of the node's addresses leaves the MTU as it is (cilium/cilium#17463)", async () => {
  await host("ip address add 10.255.0.1/32 dev lo; ip route add 10.255.0.2/32 via 192.0.2.1");
  put(NODE_NAME, ["10.255.0.1"], "10.244.1.0/24");
  put("second", ["10.255.0.2"], "10.244.2.0/24");
  const agent = startAgent();
  await agent.waitUntilReady();
  assert.equal(await mtuOf("cw0"), 8950);
  await agent.end("SIGKILL");
  for (const verb of ["list", "watch"] as const)
    api.setFault(verb, { kind: "status", code: 503, reason: "ServiceUnavailable", message: "away" });
  await startAgent("--policy-start", "open").waitUntilReady();
  assert.equal(await mtuOf("cw0"), 8950);
});

test("links forward where routes to other nodes lead, also when they change, and the way of a node is the kernel's choice (rancher/rke2#6060)", async () => {
  put(NODE_NAME, ["192.0.2.10"], "10.244.1.0/24");
  put("near", ["192.0.2.11"], "10.244.2.0/24");
  const agent = startAgent();
  await agent.waitUntilReady();
  assert.equal(await routeTo("10.244.2.0/24"), "10.244.2.0/24 via 192.0.2.11 dev up0");
  assert.equal(await forwards("up1"), false);

  await host("ip address add 198.51.100.10/24 dev up1");
  put("other", ["198.51.100.11"], "10.244.3.0/24");
  await eventuallyRoute(agent, "10.244.3.0/24", / via 198.51.100.11 dev up1$/);
  await eventually("up1 forwards", () => forwards("up1"), agent.log);

  await host("ip route add 192.0.2.11/32 dev up1");
  await eventuallyRoute(agent, "10.244.2.0/24", / via 192.0.2.11 dev up1$/);
  await host("ip route replace 192.0.2.11/32 via 198.51.100.1");
  await eventuallyRoute(agent, "10.244.2.0/24", /dev cw-vx /);
  await host("ip route del 192.0.2.11/32");
  await eventuallyRoute(agent, "10.244.2.0/24", / via 192.0.2.11 dev up0$/);
  await host("ip rule add pref 77 to 192.0.2.11 lookup 77; ip route add 192.0.2.11/32 dev up1 table 77");
  await eventuallyRoute(agent, "10.244.2.0/24", / via 192.0.2.11 dev up1$/);
  await host("ip rule del pref 77; ip route flush table 77");
  await eventuallyRoute(agent, "10.244.2.0/24", / via 192.0.2.11 dev up0$/);
});

test("an agent on a node that is itself a pod keeps the pod's own routes, which bear its protocol, also when it is uninstalled (rootless-containers/usernetes#391)", async () => {
  const own = async (): Promise<string> =>
    host(
      "ip route show default; ip route show 10.99.0.1; ip -6 route show default; ip -6 route show fd00:99::1",
    );
  await host(`ip route add 10.99.0.1 dev up0 scope link proto 99; ip route add default via 10.99.0.1 dev up0 proto 99
    ip -6 route add fd00:99::1 dev up0 proto 99; ip -6 route add default via fd00:99::1 dev up0 proto 99`);
  const before = await own();
  put(NODE_NAME, ["192.0.2.10", "2001:db8:2::10"], "10.244.1.0/24", "fd00:1::/64");
  put("near", ["192.0.2.11", "2001:db8:2::11"], "10.244.2.0/24", "fd00:2::/64");
  const agent = startAgent();
  await agent.waitUntilReady();
  await eventuallyRoute(agent, "10.244.2.0/24", / via 192.0.2.11 /);
  api.store.remove("near");
  await eventuallyRoute(agent, "10.244.2.0/24", /^$/);
  assert.equal(await own(), before);
  await agent.end("SIGTERM");
  await runShipped([
    "uninstall",
    "--all",
    "--socket",
    node.socket,
    "--cni-bin-dir",
    node.cniBinDir,
    "--cni-conf-dir",
    node.cniConfDir,
  ]);
  assert.equal(await own(), before);
});
