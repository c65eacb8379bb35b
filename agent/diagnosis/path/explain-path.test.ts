import assert from "node:assert/strict";
import { test } from "node:test";
import { cidrOf } from "../../net/cidr.ts";
import type { PolicyHop } from "../../plan/policy/trace/trace-policies.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import type { Route } from "../../netlink/route/route.ts";
import { agentRemedy } from "../agent/check-agent.ts";
import { brokenHop, explainPath } from "./explain-path.ts";
import type { Delivery, PathObservation, PodEnd } from "../path-observation.ts";

function link(name: string, index: number, fields: Partial<Link> = {}): Link {
  return {
    index,
    name,
    kind: undefined,
    mac: "0a:58:00:00:00:01",
    mtu: 1500,
    up: true,
    lowerUp: true,
    loopback: false,
    pointToPoint: false,
    hasNeighbours: true,
    alias: undefined,
    altNames: [],
    masterIndex: undefined,
    group: 0,
    peerIndex: undefined,
    netnsId: undefined,
    bridgePort: undefined,
    vxlan: undefined,
    bridgeSettings: undefined,
    addrGenMode: undefined,
    inetConf: { forwarding: 1 },
    ...fields,
  };
}

const bridge = link("cw0", 3);
const uplink = link("eth0", 2);
const pod: PodEnd = {
  address: "10.244.1.2",
  hostLink: link("cwpod", 9, { masterIndex: 3 }),
  containerId: "c1",
  pod: undefined,
  ifname: "eth0",
  isRouted: true,
  neighbour: { mac: "0a:58:0a:f4:01:02", permanent: true },
  portMacs: ["0a:58:0a:f4:01:02"],
};
const SOURCES = {
  name: "sources4",
  type: "ifname . ipv4_addr",
  values: undefined,
  isInterval: false,
  elements: ["cwpod . 10.244.1.2"],
} as const;
const entry: Route = {
  destination: cidrOf("0.0.0.0", 0),
  gateway: "192.0.2.1",
  scope: "global",
  table: 254,
  onlink: false,
  type: 1,
  nextHops: [],
  nextHopId: undefined,
  protocol: 3,
};
const hop = { address: "192.0.2.1", link: uplink, state: "resolved" } as const;
const egress: Delivery = { kind: "egress", hop, masquerade: { kind: "masqueraded" } };
const WHOLE: PathObservation = {
  source: "10.244.1.2",
  target: { address: "198.51.100.9", port: undefined },
  nodeName: "n1",
  bridge,
  gateways: [{ address: "10.244.1.1", prefixLength: 24 }],
  ipv6Forwarding: 1,
  pod,
  guard: { value: { flags: 0, counters: [], chains: [], sets: [SOURCES] } },
  sourceRoute: undefined,
  hostPort: undefined,
  translation: undefined,
  destination: "198.51.100.9",
  lookup: { kind: "route", type: 1, linkIndex: 2, gateway: "192.0.2.1", mtu: undefined },
  entry,
  peer: undefined,
  chains: { value: [] },
  policies: { kind: "untold" },
  delivery: egress,
  back: { kind: "route", type: 1, linkIndex: 3, gateway: undefined, mtu: undefined },
  backEntry: undefined,
  backLink: uplink,
};
const peer = { name: "far", podCidr: "10.244.3.0/24", isCertain: true, reason: undefined, remedy: undefined };
const refused = (code: string): PathObservation["lookup"] => ({
  kind: "refused",
  code,
  blockedBy: undefined,
});
const overlay = (fields: object): Delivery => ({
  kind: "overlay",
  overlay: {
    tunnel: link("cw-vx6", 5),
    gateway: "10.244.3.1",
    mac: undefined,
    remote: undefined,
    orphans: [],
    outer: undefined,
    hop: undefined,
    lacking: undefined,
    ...fields,
  },
});
const hostPort = {
  isLocal: true,
  binding: undefined,
  set: "ports4",
  key: "tcp . 80",
  element: { value: undefined },
} as const;

/**
 * What the kernel tests cannot have: `VERDICT HOP: EVIDENCE [| REMEDY]` of the first hop that is not "ok".
 */
function judged(said: Pick<PolicyHop, "reason"> & Partial<PolicyHop>) {
  const whole: PolicyHop = { direction: "ingress", passes: undefined, isTableWrong: false, ...said };
  return {
    kind: "judged",
    trace: { port: "TCP 80", hops: [whole] },
    faults: [],
    isPortGuessed: false,
  } as const;
}

for (const { name, change, want } of [
  { name: "a whole way", change: {}, want: undefined },
  {
    name: "a bridge whose table is gone",
    change: { guard: { value: undefined } },
    want: `warn source check: table bridge causeway is missing: pods can send from any address | ${agentRemedy("n1")}`,
  },
  {
    name: "a table that cannot be read",
    change: { guard: { error: "Operation not permitted" } },
    want: "info source check: unknown: Operation not permitted",
  },
  {
    name: "no bridge",
    change: { bridge: undefined },
    want: "fail bridge: there is no Causeway bridge on this node",
  },
  {
    name: "a bridge that has lost its address",
    change: { gateways: [] },
    want: "fail bridge: cw0 has no gateway address whose PodCIDR contains 10.244.1.2",
  },
  {
    name: "a node that the agent knows and that has no route",
    change: { peer },
    want: `fail route: 198.51.100.9 belongs to node far (10.244.3.0/24), and the route to it is missing: it leaves the cluster instead | ${agentRemedy("n1")}`,
  },
  {
    name: "a node that only the sets know, behind no default route",
    change: {
      peer: { ...peer, name: undefined, isCertain: false },
      lookup: refused("ENETUNREACH"),
      delivery: { kind: "nowhere" },
    },
    want: `fail route: 198.51.100.9 belongs to another node (10.244.3.0/24), and the route to it is missing: the node has no route to it (ENETUNREACH) | ${agentRemedy("n1")}`,
  },
  {
    name: "an errno that nobody has thought of",
    change: { lookup: refused("ENOBUFS"), delivery: { kind: "nowhere" } },
    want: "fail route: 198.51.100.9: the kernel refuses (ENOBUFS)",
  },
  {
    name: "masquerade that is off",
    change: { delivery: { kind: "egress", hop, masquerade: { kind: "off" } } },
    want: "info masquerade: no, as configured: 198.51.100.9 sees 10.244.1.2 unchanged",
  },
  {
    name: "sets that cannot be read",
    change: { delivery: { kind: "egress", hop, masquerade: { kind: "unknown", reason: "no nft" } } },
    want: "info masquerade: unknown: no nft",
  },
  {
    name: "chains that cannot be read",
    change: { chains: { error: "no nft" } },
    want: "info packet filters: unknown: no nft",
  },
  {
    name: "a map that cannot be read",
    change: { hostPort: { ...hostPort, element: { error: "no nft" } } },
    want: "info host port: unknown: no nft",
  },
  {
    name: "a missing neighbour among several",
    change: { delivery: overlay({ orphans: ["0a:58:cb:00:71:07", "0a:58:cb:00:71:08"] }) },
    want: `fail neighbour: cw-vx6 has no neighbour 10.244.3.1, and nothing on it answers ARP or ND | ${agentRemedy("n1")}`,
  },
  {
    name: "a MAC that does not tell its node",
    change: { delivery: overlay({ mac: "0e:19:05:29:b2:01" }) },
    want: `fail forwarding entry: cw-vx6 has no forwarding entry for 0e:19:05:29:b2:01 | ${agentRemedy("n1")}`,
  },
  {
    name: "a VXLAN device that is down",
    change: { delivery: overlay({ tunnel: link("cw-vx6", 5, { up: false }) }) },
    want: "fail VXLAN device: cw-vx6 is down | ip link set dev cw-vx6 up",
  },
  {
    name: "policies that deny",
    change: { policies: judged({ passes: false, reason: "Admin no-scanners, ingress rule 2, denies it" }) },
    want: "fail ingress policies: TCP 80: Admin no-scanners, ingress rule 2, denies it",
  },
  {
    name: "policies that allow",
    change: { policies: judged({ passes: true, reason: "no policy selects default/web for ingress" }) },
    want: undefined,
  },
  {
    name: "policies of another node",
    change: { policies: judged({ reason: "10.244.3.7 is not a pod of this node" }) },
    want: "info ingress policies: TCP 80: 10.244.3.7 is not a pod of this node",
  },
  {
    name: "policies that deny a port that iptables may change",
    change: {
      policies: {
        ...judged({ passes: false, reason: "isolated by a/b, no rule allows it" }),
        isPortGuessed: true,
      },
    },
    want: "warn ingress policies: TCP 80: isolated by a/b, no rule allows it, unless the service leads to another port than its own, which iptables does not show",
  },
  {
    name: "a table of policies that is not as planned",
    change: { policies: { ...judged({ passes: true, reason: "x" }), faults: ["element is missing"] } },
    want: "warn policies: the kernel's table is not as planned: element is missing",
  },
  {
    name: "a table that says otherwise than the policies",
    change: { policies: judged({ passes: true, reason: "x", isTableWrong: true }) },
    want: "fail ingress policies: TCP 80: x; the agent's table says otherwise, which is a fault of it",
  },
  {
    name: "policies, but no port",
    change: { policies: { kind: "no port" } },
    want: "info policies: unknown without a port: ask for 198.51.100.9:80/tcp, for example",
  },
  {
    name: "policies of an agent that is away",
    change: { policies: { kind: "unknown", reason: "nothing listens" } },
    want: "info policies: unknown: nothing listens",
  },
  {
    name: "an uplink that is down",
    change: { delivery: { kind: "direct", hop: { ...hop, link: link("eth0", 2, { up: false }) } } },
    want: "fail uplink: eth0 is down | ip link set dev eth0 up",
  },
] satisfies readonly { name: string; change: Partial<PathObservation>; want: string | undefined }[]) {
  test(`explainPath() with ${name}`, () => {
    const found = explainPath({ ...WHOLE, ...change }).find(({ verdict }) => verdict !== "ok");
    const remedy = found?.remedy === undefined ? "" : ` | ${found.remedy}`;
    assert.equal(found && `${found.verdict} ${found.name}: ${found.evidence}${remedy}`, want);
  });
}

test("brokenHop() is the first that fails: warnings do not stop a packet", () => {
  const of = (name: string, verdict: "ok" | "warn" | "fail") => ({ name, verdict, evidence: "" });
  assert.equal(brokenHop([of("a", "ok"), of("b", "warn"), of("c", "fail"), of("d", "fail")])?.name, "c");
  assert.equal(brokenHop([of("a", "warn")]), undefined);
});
