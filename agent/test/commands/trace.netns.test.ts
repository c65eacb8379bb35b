/**
 * `causeway trace` on every kind of path, whole and with every hop broken by the ordinary tools. It must name
 * the hop; its remedy, run as it is printed, must mend it. The agent is dead, so that nobody else does.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { hostLinkName } from "../../net/host-link.ts";
import type { TestNode } from "../../testing/agent/agent-process.ts";
import { makeNeighbourhood, type Neighbourhood } from "../../testing/machine/neighbourhood.ts";
import { makeNetns, type Netns, host } from "../../testing/machine/netns.ts";
import { dumpNodeState } from "../../testing/machine/node-state.ts";
import { type FindingsReport, runCauseway } from "../../testing/agent/run-causeway.ts";

let lab: Neighbourhood;
let node: TestNode;
let outside: Netns;
const pods: Netns[] = [];

const POD = "10.244.1.2";
const WEB = "10.244.1.3";
const DEAD = "10.244.1.4";
const linkOf = (containerId: string): string => hostLinkName(containerId, "eth0");

before(async () => {
  lab = await makeNeighbourhood();
  ({ node, outside } = lab);
  const agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
  await addPod("c1");
  await addPod("web", [
    { hostPort: 8080, containerPort: 80, protocol: "tcp" },
    { hostPort: 9000, containerPort: 90, protocol: "udp", hostIP: "192.0.2.10" },
  ]);
  await addPod("dead");
  await pods.pop()?.remove();
  await agent.end("SIGKILL");
});

after(async () => {
  for (const pod of pods) await pod.remove();
  await lab.remove();
});

async function addPod(containerId: string, portMappings: readonly object[] = []): Promise<void> {
  const netns = await makeNetns();
  pods.push(netns);
  const config = {
    cniVersion: "1.0.0",
    name: "causeway",
    type: "causeway",
    socket: node.socket,
    runtimeConfig: { portMappings },
  };
  const { exitCode, stdout } = await node.call("ADD", {
    containerId,
    netns: netns.path,
    stdin: JSON.stringify(config),
  });
  assert.equal(exitCode, 0, stdout);
}

interface Trace extends FindingsReport {
  readonly broken?: string;
}

async function trace(source: string, target: string): Promise<Trace> {
  const { stdout, stderr } = await runCauseway(["trace", "--json", "--socket", node.socket, source, target]);
  assert.equal(stderr, "");
  return JSON.parse(stdout) as Trace;
}

/** Hops and what they say, one a line, without the line about the agent. */
function linesOf({ findings }: Trace): string {
  return findings
    .filter(({ name }) => name !== "agent")
    .map(({ name, verdict, evidence }) => `${verdict} ${name}: ${evidence}`)
    .join("\n");
}

/** Every kind of path while nothing is broken. */
const WHOLE: readonly {
  readonly name: string;
  readonly to: string;
  readonly from?: string;
  readonly hops: readonly RegExp[];
}[] = [
  {
    name: "a pod of the same node",
    to: WEB,
    hops: [
      /^ok pod: link cw\w{13} of container "c1" \(eth0\), MTU 1430$/,
      /^ok source check: cw\w{13} may send from /,
      /^ok bridge: gateway 10\.244\.1\.1 on cw0, forwards, MTU 1430$/,
      /^ok route: 10\.244\.1\.3\/32 \(this node's pods\)$/,
      /^ok packet filters: /,
      /^ok target neighbour: 10\.244\.1\.3 is at 0a:58:0a:f4:01:03 on cw0, permanent$/,
      /^ok target forwarding entry: 0a:58:0a:f4:01:03 is behind cw\w{13}$/,
      /^ok target pod: link cw\w{13} of container "web" \(eth0\), MTU 1430$/,
      /^ok target source check/,
      /^ok answers: come back from cw0 to cw\w{13}$/,
    ],
  },
  {
    name: "a pod of a node on the same subnet",
    to: "10.244.2.9",
    hops: [
      /^ok pod/,
      /^ok source check: cw\w{13} may send from /,
      /^ok bridge/,
      /^ok route: 10\.244\.2\.0\/24 via 192\.0\.2\.11 \(direct to another node\)$/,
      /^ok packet filters/,
      /^ok uplink: up0, MTU 1500$/,
      /^ok next hop: 192\.0\.2\.11: /,
      /^info next node: node 192\.0\.2\.11 handles the rest of the path; continue there: causeway trace 10\.244\.2\.9 10\.244\.1\.2$/,
      /^ok answers: come back from up0 to /,
    ],
  },
  {
    name: "a pod behind VXLAN",
    to: "10.244.3.9",
    hops: [
      /^ok pod/,
      /^ok source check: cw\w{13} may send from /,
      /^ok bridge/,
      /^ok route: 10\.244\.3\.0\/24 via 10\.244\.3\.1 \(VXLAN to another node\)$/,
      /^ok packet filters/,
      /^ok VXLAN device: cw-vx, VNI 4096, MTU 1450$/,
      /^ok neighbour: 10\.244\.3\.1 is at 0a:58:cb:00:71:07$/,
      /^ok forwarding entry: 0a:58:cb:00:71:07 is behind node 203\.0\.113\.7$/,
      /^ok outer route: 203\.0\.113\.7 via 192\.0\.2\.1$/,
      /^ok outer uplink: up0/,
      /^ok outer next hop: 192\.0\.2\.1: /,
      /^ok overlay guard: accepts what node 203\.0\.113\.7 sends from its PodCIDR$/,
      /^info next node: node 203\.0\.113\.7 handles the rest/,
      /^ok answers: come back from cw-vx to /,
    ],
  },
  {
    name: "the world",
    to: "198.51.100.9",
    hops: [
      /^ok pod/,
      /^ok source check: cw\w{13} may send from /,
      /^ok bridge/,
      /^ok route: default via 192\.0\.2\.1 \(leaves the cluster\)$/,
      /^ok packet filters/,
      /^ok masquerade: yes: 198\.51\.100\.9 sees the node's address$/,
      /^ok uplink: up0/,
      /^ok next hop: 192\.0\.2\.1: /,
      /^ok answers: come back from up0 to /,
    ],
  },
  {
    name: "a link-local address, which is never masqueraded",
    to: "169.254.20.1",
    hops: [
      /^ok pod/,
      /^ok source check: cw\w{13} may send from /,
      /^ok bridge/,
      /^warn route: 169\.254\.20\.1 is in Causeway's set of cluster addresses but leaves the cluster/,
      /^ok packet filters/,
      /^info masquerade: no: 169\.254\.20\.1 is in the set of destinations that see 10\.244\.1\.2 unchanged$/,
      /^ok uplink: up0/,
      /^ok next hop/,
      /^ok answers/,
    ],
  },
  {
    name: "the node itself",
    to: "192.0.2.10",
    hops: [
      /^ok pod/,
      /^ok source check: cw\w{13} may send from /,
      /^ok bridge/,
      /^ok route: 192\.0\.2\.10 is this node's own$/,
      /^ok node: delivered to the node itself$/,
      /^ok answers: come back to /,
    ],
  },
  {
    name: "a host port of all addresses",
    to: "192.0.2.10:8080",
    hops: [
      /^ok pod/,
      /^ok source check: cw\w{13} may send from /,
      /^ok bridge/,
      /^ok host port: map ports4: 192\.0\.2\.10:8080\/tcp goes to 10\.244\.1\.3 \. 80 \(container "web"\)$/,
      /^ok route: 10\.244\.1\.3\/32 \(this node's pods\)$/,
      /^ok packet filters/,
      /^ok target neighbour/,
      /^ok target forwarding entry/,
      /^ok target pod: link cw\w{13} of container "web"/,
      /^ok target source check/,
      /^ok answers/,
    ],
  },
  {
    name: "a host port of one address",
    to: "192.0.2.10:9000/udp",
    hops: [
      /^ok pod/,
      /^ok source check: cw\w{13} may send from /,
      /^ok bridge/,
      /^ok host port: map addressports4: 192\.0\.2\.10:9000\/udp goes to 10\.244\.1\.3 \. 90 \(container "web"\)$/,
      /^ok route/,
      /^ok packet filters/,
      /^ok target neighbour/,
      /^ok target forwarding entry/,
      /^ok target pod/,
      /^ok target source check/,
      /^ok answers/,
    ],
  },
  {
    name: "a port of the node that no pod has",
    to: "192.0.2.10:22",
    hops: [
      /^ok pod/,
      /^ok source check: cw\w{13} may send from /,
      /^ok bridge/,
      /^info host port: no pod on this node has 192\.0\.2\.10:22\/tcp: it belongs to the node itself$/,
      /^ok route: 192\.0\.2\.10 is this node's own$/,
      /^ok node/,
      /^ok answers/,
    ],
  },
  {
    name: "a pod of the same node over IPv6",
    from: "fd00:1::2",
    to: "fd00:1::3",
    hops: [
      /^ok pod/,
      /^ok source check: cw\w{13} may send from /,
      /^ok bridge: gateway fd00:1::1 on cw0/,
      /^ok route: fd00:1::3\/128 \(this node's pods\)$/,
      /^ok packet filters/,
      /^ok target neighbour: fd00:1::3 is at 0a:58:0a:f4:01:03/,
      /^ok target forwarding entry/,
      /^ok target pod/,
      /^ok target source check/,
      /^ok answers/,
    ],
  },
  {
    name: "the world over IPv6",
    from: "fd00:1::2",
    to: "2001:db8:9::1",
    hops: [
      /^ok pod/,
      /^ok source check: cw\w{13} may send from /,
      /^ok bridge/,
      /^ok route: default via 2001:db8::1 \(leaves the cluster\)$/,
      /^ok packet filters/,
      /^ok masquerade: yes/,
      /^ok uplink: up0/,
      /^ok next hop: 2001:db8::1/,
      /^ok answers/,
    ],
  },
];

for (const { name, from = POD, to, hops } of WHOLE) {
  test(`trace: the way to ${name}`, async () => {
    const found = await trace(from, to);
    const lines = linesOf(found).split("\n");
    assert.equal(found.broken, undefined, lines.join("\n"));
    assert.equal(lines.length, hops.length, lines.join("\n"));
    for (const [index, hop] of hops.entries()) assert.match(lines[index] ?? "", hop);
  });
}

test("trace changes nothing, and says what it cannot know without the agent", async () => {
  const state = await dumpNodeState();
  const { findings } = await trace(POD, "10.244.3.9");
  assert.match(
    findings[0]?.evidence ?? "",
    /^does not answer \(.*\): names of nodes, unreachable nodes and what policies say are unknown$/,
  );
  assert.equal(await dumpNodeState(), state);
});

interface Broken {
  readonly name: string;
  readonly from?: string;
  readonly to: string;
  readonly breaks: () => Promise<unknown>;
  readonly hop: string;
  readonly evidence: RegExp;
  /** Undefined: none is to be had on this node, and `restore` mends. */
  readonly remedy?: string | RegExp;
  readonly restore?: () => Promise<unknown>;
  /** How many remedies it takes, where one fault hides the next. */
  readonly steps?: number;
}

const takeElement = (family: string, set: string, element: string): Promise<string> =>
  host(`nft 'delete element ${family} causeway ${set} { ${element} }'`);
const nothing = async (): Promise<void> => undefined;

const BROKEN: readonly Broken[] = [
  {
    name: "the pod's link is down",
    to: WEB,
    breaks: () => host(`ip link set ${linkOf("c1")} down`),
    hop: "pod",
    evidence: /^link cw\w{13} of container "c1" \(eth0\) is down$/,
    remedy: `ip link set dev ${linkOf("c1")} up`,
  },
  {
    name: "the pod's own end is down",
    to: WEB,
    breaks: () => (pods[0] as Netns).run("ip", "link", "set", "eth0", "down"),
    hop: "pod",
    evidence: /^the pod's end of link cw\w{13} of container "c1" \(eth0\) is down$/,
    remedy: /^nsenter --net --target "\$\(lsns .*\)" ip link set dev eth0 up$/,
  },
  {
    name: "the target's link is not a port of the bridge",
    to: WEB,
    breaks: () => host(`ip link set ${linkOf("web")} nomaster`),
    hop: "target forwarding entry",
    evidence: /^cw0 has no forwarding entry for 0a:58:0a:f4:01:03, and does not flood$/,
    restore: () =>
      host(
        `ip link set ${linkOf("web")} master cw0; bridge fdb replace 0a:58:0a:f4:01:03 dev ${linkOf("web")} master static`,
      ),
  },
  {
    name: "the target's forwarding entry is gone",
    to: WEB,
    breaks: () => host(`bridge fdb del 0a:58:0a:f4:01:03 dev ${linkOf("web")} master`),
    hop: "target forwarding entry",
    evidence: /^cw0 has no forwarding entry for 0a:58:0a:f4:01:03/,
    remedy: `bridge fdb replace 0a:58:0a:f4:01:03 dev ${linkOf("web")} master static`,
  },
  {
    name: "the target's neighbour is gone",
    to: WEB,
    breaks: () => host(`ip neighbour del ${WEB} dev cw0`),
    hop: "target neighbour",
    evidence: /^cw0 has no permanent neighbour for 10\.244\.1\.3/,
    remedy: `ip neighbour replace ${WEB} lladdr 0a:58:0a:f4:01:03 dev cw0 nud permanent`,
  },
  {
    name: "the target's neighbour has another MAC",
    to: WEB,
    breaks: () => host(`ip neighbour replace ${WEB} lladdr 0a:58:0a:f4:01:99 dev cw0 nud permanent`),
    hop: "target neighbour",
    evidence: /^cw0 has 10\.244\.1\.3 at 0a:58:0a:f4:01:99, and the pod is at 0a:58:0a:f4:01:03$/,
    remedy: `ip neighbour replace ${WEB} lladdr 0a:58:0a:f4:01:03 dev cw0 nud permanent`,
  },
  {
    name: "the target's link is down",
    to: WEB,
    breaks: () => host(`ip link set ${linkOf("web")} down`),
    hop: "target pod",
    evidence: /^link cw\w{13} of container "web" \(eth0\) is down$/,
    remedy: `ip link set dev ${linkOf("web")} up`,
  },
  {
    name: "the pod may not send from its address any more",
    to: WEB,
    breaks: () => takeElement("bridge", "sources4", `${linkOf("c1")} . ${POD}`),
    hop: "source check",
    evidence: /^set sources4 lacks cw\w{13} \. 10\.244\.1\.2: what the pod sends from there is dropped$/,
    remedy: `nft add element bridge causeway sources4 '{ ${linkOf("c1")} . ${POD} }'`,
  },
  {
    name: "the target may not answer from its IPv6 address",
    from: "fd00:1::2",
    to: "fd00:1::3",
    breaks: () => takeElement("bridge", "sources6", `${linkOf("web")} . fd00:1::3`),
    hop: "target source check",
    evidence: /^set sources6 lacks cw\w{13} \. fd00:1::3: /,
    remedy: `nft add element bridge causeway sources6 '{ ${linkOf("web")} . fd00:1::3 }'`,
  },
  {
    name: "the guard of the overlay has forgotten a node",
    to: "10.244.3.9",
    breaks: () => takeElement("inet", "nodes4", "203.0.113.7"),
    hop: "overlay guard",
    evidence: /^set nodes4 lacks 203\.0\.113\.7: what the node sends from there is dropped$/,
    remedy: "nft add element inet causeway nodes4 '{ 203.0.113.7 }'",
  },
  {
    name: "the guard of the overlay does not know which node an outer source is",
    to: "10.244.3.9",
    breaks: () => takeElement("inet", "overlay4", "203.0.113.7"),
    hop: "overlay guard",
    evidence: /^map overlay4 lacks 203\.0\.113\.7 : cb00:7107: /,
    remedy: "nft add element inet causeway overlay4 '{ 203.0.113.7 : cb00:7107 }'",
  },
  {
    name: "the guard of the overlay has forgotten which PodCIDR a node has",
    to: "10.244.3.9",
    breaks: () => takeElement("inet", "inner4-24", "cb00:7107 . 10.244.3.0"),
    hop: "overlay guard",
    evidence: /^set inner4-24 lacks cb00:7107 \. 10\.244\.3\.0: /,
    remedy: "nft add element inet causeway inner4-24 '{ cb00:7107 . 10.244.3.0 }'",
  },
  {
    name: "the answers find no neighbour",
    to: "198.51.100.9",
    breaks: () => host(`ip neighbour del ${POD} dev cw0`),
    hop: "answers: neighbour",
    evidence: /^cw0 has no permanent neighbour for 10\.244\.1\.2/,
    remedy: `ip neighbour replace ${POD} lladdr 0a:58:0a:f4:01:02 dev cw0 nud permanent`,
  },
  {
    name: "the target pod is dead",
    to: DEAD,
    breaks: nothing,
    hop: "target pod",
    evidence:
      /^10\.244\.1\.4 is in this node's PodCIDR 10\.244\.1\.0\/24, but no pod on this node has it: deleted, or never assigned$/,
    restore: nothing,
  },
  {
    name: "the source is a dead pod",
    from: DEAD,
    to: WEB,
    breaks: nothing,
    hop: "pod",
    evidence: /^10\.244\.1\.4 is in this node's PodCIDR 10\.244\.1\.0\/24: no pod on this node has it$/,
    restore: nothing,
  },
  {
    name: "the source is another node's pod",
    from: "10.244.2.9",
    to: WEB,
    breaks: nothing,
    hop: "pod",
    evidence:
      /^10\.244\.2\.9 is in 10\.244\.2\.0\/24, which another node has \(192\.0\.2\.11\): run the same command there$/,
    restore: nothing,
  },
  {
    name: "nobody knows the target, and there is no default route",
    to: "198.51.100.9",
    breaks: () => host("ip route del default"),
    hop: "route",
    evidence: /^198\.51\.100\.9: the node has no route to it \(ENETUNREACH\)$/,
    restore: () => host("ip route add default via 192.0.2.1"),
  },
  {
    name: "a route leads the target nowhere",
    to: "198.51.100.9",
    breaks: () => host("ip route add blackhole 198.51.100.0/24"),
    hop: "route",
    evidence: /^198\.51\.100\.9: route blackhole 198\.51\.100\.0\/24 blocks it$/,
    remedy: "ip route delete blackhole 198.51.100.0/24",
  },
  {
    name: "the bridge does not forward",
    to: WEB,
    breaks: () => host("sysctl -qw net.ipv4.conf.cw0.forwarding=0"),
    hop: "bridge",
    evidence: /^cw0 does not forward IPv4$/,
    remedy: "sysctl -w net.ipv4.conf.cw0.forwarding=1",
  },
  {
    name: "the node does not forward IPv6",
    from: "fd00:1::2",
    to: "fd00:1::3",
    breaks: () => host("sysctl -qw net.ipv6.conf.all.forwarding=0"),
    hop: "bridge",
    evidence: /^this node does not forward IPv6$/,
    remedy: "sysctl -w net.ipv6.conf.all.forwarding=1",
  },
  {
    name: "the uplink does not forward answers",
    to: "198.51.100.9",
    breaks: () => host("sysctl -qw net.ipv4.conf.up0.forwarding=0"),
    hop: "answers",
    evidence: /^up0 does not forward IPv4: replies are dropped there$/,
    remedy: "sysctl -w net.ipv4.conf.up0.forwarding=1",
  },
  {
    name: "another program's chain drops forwarded packets",
    to: "10.244.2.9",
    breaks: () =>
      host("nft 'table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }'"),
    hop: "packet filters",
    evidence: /^chain ip filter FORWARD drops forwarded packets/,
    remedy: /^nft insert rule ip filter FORWARD /,
  },
  {
    name: "the route to a node on the subnet is gone",
    to: "10.244.2.9",
    breaks: () => host("nft delete table ip filter; ip route del 10.244.2.0/24; ip route del default"),
    hop: "route",
    evidence:
      /^10\.244\.2\.9 belongs to another node \(10\.244\.2\.0\/24\), and the route to it is missing: the node has no route to it \(ENETUNREACH\)$/,
    restore: () =>
      host("ip route add 10.244.2.0/24 via 192.0.2.11 proto 99; ip route add default via 192.0.2.1"),
  },
  {
    name: "the node on the subnet does not answer",
    to: "10.244.2.9",
    async breaks() {
      await outside.run("sh", "-c", "ip address del 192.0.2.11/24 dev far0; ip neighbour flush all");
      await host(
        "ip neighbour flush dev up0; ip neighbour replace 192.0.2.11 dev up0 nud failed extern_learn",
      );
    },
    hop: "next hop",
    evidence: /^192\.0\.2\.11 does not answer on up0: it is down, or not on this segment/,
    remedy: "ip neighbour flush to 192.0.2.11 dev up0",
  },
  {
    name: "the other end of the uplink is down",
    to: "10.244.2.9",
    breaks: () => outside.run("ip", "link", "set", "far0", "down"),
    hop: "uplink",
    evidence: /^up0 has no carrier/,
    restore: () =>
      outside.run(
        "sh",
        "-c",
        "ip link set far0 up; ip address add 192.0.2.11/24 dev far0; ip -6 address add 2001:db8::1/64 dev far0 nodad; true",
      ),
  },
  {
    name: "the VXLAN device has lost the neighbour",
    to: "10.244.3.9",
    breaks: () => host("ip neighbour del 10.244.3.1 dev cw-vx"),
    hop: "neighbour",
    evidence: /^cw-vx has no neighbour 10\.244\.3\.1, and nothing on it answers ARP or ND$/,
    remedy: "ip neighbour replace 10.244.3.1 lladdr 0a:58:cb:00:71:07 dev cw-vx nud permanent",
  },
  {
    name: "the VXLAN device has lost the forwarding entry",
    to: "10.244.3.9",
    breaks: () => host("bridge fdb del 0a:58:cb:00:71:07 dev cw-vx dst 203.0.113.7 self"),
    hop: "forwarding entry",
    evidence: /^cw-vx has no forwarding entry for 0a:58:cb:00:71:07$/,
    remedy: "bridge fdb replace 0a:58:cb:00:71:07 dev cw-vx dst 203.0.113.7 self permanent",
  },
  {
    name: "the node behind the router has no route",
    to: "10.244.3.9",
    breaks: () => host("ip route add unreachable 203.0.113.0/24"),
    hop: "outer route",
    evidence: /^203\.0\.113\.7: route unreachable 203\.0\.113\.0\/24 blocks it$/,
    remedy: "ip route delete unreachable 203.0.113.0/24",
  },
  {
    name: "the route into VXLAN is gone",
    to: "10.244.3.9",
    breaks: () => host("ip route del 10.244.3.0/24"),
    hop: "route",
    evidence:
      /^10\.244\.3\.9 belongs to another node \(10\.244\.3\.0\/24\), and the route to it is missing: it leaves the cluster instead$/,
    remedy: "ip route replace 10.244.3.0/24 via 10.244.3.1 dev cw-vx src 10.244.1.1 onlink proto 99",
  },
  {
    name: "somebody's route takes the answers elsewhere",
    to: "198.51.100.9",
    breaks: () =>
      host(
        `ip link add other0 type veth peer name other1; ip link set other0 up; ip route prepend ${POD}/32 dev other0`,
      ),
    hop: "answers",
    evidence:
      /^10\.244\.1\.2 belongs to a pod, but route 10\.244\.1\.2\/32, which Causeway did not make, sends it elsewhere$/,
    remedy: `ip route delete ${POD}/32`,
  },
  {
    name: "somebody's route takes packets to a pod of this node elsewhere",
    to: WEB,
    breaks: () => host(`ip route replace ${WEB}/32 dev other0`),
    hop: "route",
    evidence:
      /^10\.244\.1\.3 belongs to a pod, but route 10\.244\.1\.3\/32, which Causeway did not make, sends it elsewhere$/,
    remedy: `ip route delete ${WEB}/32`,
    // It has taken the place of the pod's own.
    steps: 2,
  },
  {
    name: "somebody's route takes packets to another node's pods elsewhere",
    to: "10.244.3.9",
    breaks: () => host("ip route add 10.244.3.0/25 via 192.0.2.1"),
    hop: "route",
    evidence:
      /^10\.244\.3\.9 belongs to a pod, but route 10\.244\.3\.0\/25 via 192\.0\.2\.1, which Causeway did not make, sends it elsewhere$/,
    remedy: "ip route delete 10.244.3.0/25",
  },
  {
    name: "a host port has lost its element",
    to: "192.0.2.10:8080",
    breaks: () => host("ip link del other0; nft delete element inet causeway ports4 '{ tcp . 8080 }'"),
    hop: "host port",
    evidence:
      /^container "web" has 192\.0\.2\.10:8080\/tcp, but map ports4 lacks it: the packet goes to the node itself$/,
    remedy: `nft add element inet causeway ports4 '{ 6 . 8080 comment "${linkOf("web")} web" : 10.244.1.3 . 80 }'`,
  },
  {
    name: "a host port leads to another pod",
    to: "192.0.2.10:8080",
    breaks: () =>
      host(
        "nft 'delete element inet causeway ports4 { tcp . 8080 }; add element inet causeway ports4 { tcp . 8080 : 10.244.1.2 . 80 }'",
      ),
    hop: "host port",
    evidence:
      /^map ports4 sends 192\.0\.2\.10:8080\/tcp to 10\.244\.1\.2 \. 80 instead of 10\.244\.1\.3 \. 80 \(container "web"\)$/,
    remedy: /^nft "delete element .*"$/,
  },
  {
    name: "a host port leads to a pod that is gone",
    to: "192.0.2.10:7000",
    breaks: () => host(`nft add element inet causeway ports4 '{ tcp . 7000 : ${DEAD} . 70 }'`),
    hop: "host port",
    evidence:
      /^map ports4 sends 192\.0\.2\.10:7000\/tcp to 10\.244\.1\.4 \. 70, but no pod on this node has that port any more$/,
    remedy: "nft delete element inet causeway ports4 '{ 6 . 7000 }'",
  },
  {
    name: "the bridge is down",
    to: WEB,
    breaks: () => host("ip link set cw0 down"),
    hop: "bridge",
    evidence: /^cw0 is down$/,
    remedy: "ip link set dev cw0 up",
    // The kernel forgets a bridge's neighbours with it.
    steps: 3,
  },
  {
    name: "the pods of the node are not masqueraded",
    to: "198.51.100.9",
    breaks: () => host("nft delete element inet causeway pods4 '{ 10.244.1.0/24 }'"),
    hop: "masquerade",
    evidence:
      /^set pods4 lacks 10\.244\.1\.2: 198\.51\.100\.9 would see 10\.244\.1\.2, and has no route back to it$/,
    restore: () => host("nft add element inet causeway pods4 '{ 10.244.1.0/24 }'"),
  },
  {
    name: "the masquerade rule is gone",
    to: "198.51.100.9",
    breaks: () => host("nft flush chain inet causeway postrouting"),
    hop: "masquerade",
    evidence: /^the rule of chain postrouting is missing/,
    restore: nothing,
  },
  {
    name: "Causeway's table is gone",
    to: "198.51.100.9",
    breaks: () => host("nft delete table inet causeway"),
    hop: "masquerade",
    evidence: /^table inet causeway is missing/,
    restore: nothing,
  },
  {
    name: "the VXLAN device is down",
    to: "10.244.3.9",
    breaks: () => host("ip route del default; ip link set cw-vx down"),
    hop: "route",
    evidence: /^10\.244\.3\.9: the node has no route to it \(ENETUNREACH\)$/,
    restore: nothing,
  },
];

for (const { name, from = POD, to, breaks, hop, evidence, remedy, restore, steps = 1 } of BROKEN) {
  test(`trace: ${name}`, async () => {
    await breaks();
    const found = await trace(from, to);
    assert.equal(found.broken, hop, linesOf(found));
    const finding = found.findings.find(({ verdict }) => verdict === "fail");
    assert.match(finding?.evidence ?? "", evidence);
    if (remedy === undefined) {
      await restore?.();
      return;
    }
    if (typeof remedy === "string") assert.equal(finding?.remedy, remedy);
    else assert.match(finding?.remedy ?? "", remedy);
    await host(finding?.remedy ?? "false");
    let mended = await trace(from, to);
    for (let step = 1; step < steps; step++) {
      await host(mended.findings.find(({ verdict }) => verdict === "fail")?.remedy ?? "false");
      mended = await trace(from, to);
    }
    assert.equal(mended.broken, undefined, linesOf(mended));
  });
}
