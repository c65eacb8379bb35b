import { writeFileSync } from "node:fs";
import { makeNode, NODE_NAME, type TestNode } from "../agent/agent-process.ts";
import { makeNetns, type Netns, runOnHost, host } from "./netns.ts";

/**
 * A node and the network around it: a router that is also the node "near" on its subnet, and the node "far"
 * behind that router.
 *
 *   node up0 192.0.2.10, 2001:db8::10 ── far0 192.0.2.1, 192.0.2.11, 2001:db8::1
 *                                        beyond0 203.0.113.1 ── far1 203.0.113.7
 */
export interface Neighbourhood {
  readonly node: TestNode;
  readonly outside: Netns;
  readonly beyond: Netns;
  remove(): Promise<void>;
}

export async function makeNeighbourhood(): Promise<Neighbourhood> {
  const node = makeNode();
  const outside = await makeNetns();
  const beyond = await makeNetns();
  await host(`ip link add up0 type veth peer name far0 netns ${outside.pid}; ip link set up0 addrgenmode none
    ip address add 192.0.2.10/24 dev up0; ip -6 address add 2001:db8::10/64 dev up0 nodad; ip link set up0 up
    ip route add default via 192.0.2.1; ip -6 route add default via 2001:db8::1; sysctl -qw net.ipv6.conf.up0.accept_ra=0`);
  // Hosts bound how often they say that a port is closed: here a test asks more often than any person.
  await outside.run(
    "sh",
    "-ec",
    `ip link set lo up; ip link set far0 addrgenmode none; ip address add 192.0.2.1/24 dev far0; ip address add 192.0.2.11/24 dev far0
    ip -6 address add 2001:db8::1/64 dev far0 nodad; ip link set far0 up
    ip link add beyond0 type veth peer name far1 netns ${beyond.pid}; ip address add 203.0.113.1/24 dev beyond0; ip link set beyond0 up
    sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0`,
  );
  await beyond.run(
    "sh",
    "-ec",
    `ip link set lo up; ip address add 203.0.113.7/24 dev far1; ip link set far1 up; ip route add default via 203.0.113.1
    sysctl -qw net.ipv4.icmp_ratelimit=0`,
  );
  writeFileSync(
    node.nodesFile,
    JSON.stringify([
      {
        name: NODE_NAME,
        addresses: ["192.0.2.10", "2001:db8::10"],
        podCIDRs: ["10.244.1.0/24", "fd00:1::/64"],
      },
      { name: "near", addresses: ["192.0.2.11"], podCIDRs: ["10.244.2.0/24"] },
      { name: "far", addresses: ["203.0.113.7"], podCIDRs: ["10.244.3.0/24"] },
    ]),
  );
  return {
    node,
    outside,
    beyond,
    async remove() {
      await outside.remove();
      await beyond.remove();
      await node.remove();
      await runOnHost("sh", "-c", "ip link del up0; ip link del cw-vx; true");
    },
  };
}
