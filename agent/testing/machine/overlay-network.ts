import { writeFileSync } from "node:fs";
import { macOf } from "../../net/mac.ts";
import { makeNode, NODE_NAME, type TestNode } from "../agent/agent-process.ts";
import { makeNetns, type Netns, runOnHost, host } from "./netns.ts";

/**
 * A node without an agent, with two nodes behind a router, of which one has IPv6 only, a host on its segment,
 * and a host on another link of the node. All speak to each other; the two nodes have ordinary VXLAN devices.
 *
 *   node up0 192.0.2.10, 2001:db8:2::10 ── router ── far 203.0.113.7 and 2001:db8:9::8
 *   node up1 198.51.100.10 ── side           └────── foreign 192.0.2.66, 2001:db8:2::66
 *
 * Pods of far: 10.244.3.5, fd00:3::5, 10.244.4.5 and fd00:4::5.
 */
export interface OverlayNetwork {
  readonly node: TestNode;
  readonly far: Netns;
  readonly foreign: Netns;
  readonly side: Netns;
  /** Writes the nodes file anew, with these nodes beside the node itself. */
  tell(nodes: readonly object[]): void;
  remove(): Promise<void>;
}

const OWN = { addresses: ["192.0.2.10", "2001:db8:2::10"], podCIDRs: ["10.244.1.0/24", "fd00:1::/64"] };

const farUplink = `${hostLines("203.0.113.7/24", "2001:db8:9::7/64", "203.0.113.1", "2001:db8:9::1")}
  ip -6 address add 2001:db8:9::8/128 dev eth0 nodad; ip address add 203.0.113.9/32 dev eth0`;

/** What an agent would make on the two nodes, as far as it leads to the node. */
const farTunnels = [
  { name: "vx4", local: "203.0.113.7", remote: "192.0.2.10", pods: ["10.244.3.5", "fd00:3::5"] },
  { name: "vx6", local: "2001:db8:9::8", remote: "2001:db8:2::10", pods: ["10.244.4.5", "fd00:4::5"] },
]
  .map(({ name, local, remote, pods: [v4, v6] }) => {
    const table = name.slice(-1);
    return `ip link add ${name} mtu 1400 address ${macOf(local)} type vxlan id 4096 local ${local} dstport 4789 nolearning
      ip link set ${name} addrgenmode none; ip address add ${v4}/32 dev ${name}; ip -6 address add ${v6}/128 dev ${name} nodad; ip link set ${name} up
      bridge fdb add ${macOf(remote)} dev ${name} dst ${remote} self permanent
      ip neigh add 10.244.1.1 lladdr ${macOf(remote)} dev ${name}; ip -6 neigh add fd00:1::1 lladdr ${macOf(remote)} dev ${name}
      ip route add 10.244.1.0/24 via 10.244.1.1 dev ${name} onlink table ${table}; ip rule add from ${v4} table ${table}
      ip -6 route add fd00:1::/64 via fd00:1::1 dev ${name} onlink table ${table}; ip -6 rule add from ${v6} table ${table}`;
  })
  .join("\n");

export async function makeOverlayNetwork(): Promise<OverlayNetwork> {
  const node = makeNode();
  const [router, far, foreign, side] = [
    await makeNetns(),
    await makeNetns(),
    await makeNetns(),
    await makeNetns(),
  ];
  await host(`ip link add up0 type veth peer name node0 netns ${router.pid}; ip link add up1 type veth peer name eth0 netns ${side.pid}
    ip link set up0 addrgenmode none; ip link set up1 addrgenmode none
    ip address add 192.0.2.10/24 dev up0; ip -6 address add 2001:db8:2::10/64 dev up0 nodad; ip link set up0 up
    ip address add 198.51.100.10/24 dev up1; ip -6 address add 2001:db8:5::10/64 dev up1 nodad; ip link set up1 up
    ip route add default via 192.0.2.1; ip -6 route add default via 2001:db8:2::1
    sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.up1.rp_filter=0`);
  await router.run(
    "sh",
    "-ec",
    `ip link add seg type bridge; ip link add far0 type veth peer name eth0 netns ${far.pid}
    ip link add foreign0 type veth peer name eth0 netns ${foreign.pid}; ip link set node0 master seg; ip link set foreign0 master seg
    ip address add 192.0.2.1/24 dev seg; ip -6 address add 2001:db8:2::1/64 dev seg nodad
    ip address add 203.0.113.1/24 dev far0; ip -6 address add 2001:db8:9::1/64 dev far0 nodad
    for link in lo seg node0 foreign0 far0; do ip link set $link up; done
    sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1`,
  );
  await far.run("sh", "-ec", `${farUplink}\n${farTunnels}`);
  await foreign.run(
    "sh",
    "-ec",
    hostLines("192.0.2.66/24", "2001:db8:2::66/64", "192.0.2.1", "2001:db8:2::1"),
  );
  await side.run(
    "sh",
    "-ec",
    hostLines("198.51.100.1/24", "2001:db8:5::1/64", "198.51.100.10", "2001:db8:5::10"),
  );
  return {
    node,
    far,
    foreign,
    side,
    tell: (nodes) => writeFileSync(node.nodesFile, JSON.stringify([{ name: NODE_NAME, ...OWN }, ...nodes])),
    async remove() {
      for (const netns of [router, far, foreign, side]) await netns.remove();
      await node.remove();
      await runOnHost(
        "sh",
        "-c",
        "for link in up0 up1 cw-vx cw-vx6; do ip link del $link; done; nft flush ruleset; true",
      );
    },
  };
}

function hostLines(v4: string, v6: string, router4: string, router6: string): string {
  return `ip link set lo up; ip link set eth0 addrgenmode none; ip address add ${v4} dev eth0
    ip -6 address add ${v6} dev eth0 nodad; ip link set eth0 up
    ip route add default via ${router4}; ip -6 route add default via ${router6}`;
}
