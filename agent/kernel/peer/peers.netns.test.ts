import assert from "node:assert/strict";
import { systemClock } from "../../lib/clock.ts";
import { afterEach, beforeEach, test } from "node:test";
import { type Cidr } from "../../net/cidr.ts";
import { macOf } from "../../net/mac.ts";
import { noRoutes } from "../../plan/peers/count-routes.ts";
import { planNodeNetwork } from "../../plan/node/node-network.ts";
import type { PeerRoute } from "../../plan/peers/peer-routes.ts";
import { type PeersPlan, tunnelName } from "../../plan/peers/peers.ts";
import { host } from "../../testing/machine/netns.ts";
import { assertInsideTestNamespaces } from "../../testing/runner/privileged.ts";
import type { Kernel } from "../kernel.ts";
import { openLinuxKernel } from "../linux-kernel.ts";
import { loadNative } from "../socket/native.ts";
import { observeNode } from "../read/observe-node.ts";
import { cidr } from "../../testing/cidr.ts";

assertInsideTestNamespaces();
const native = loadNative();
const OWN = { 4: "192.0.2.10", 6: "2001:db8:2::10" } as const;
const TUNNEL_NAMES = ["cw-vx", "cw-vx6"];

let kernel: Kernel;
let uplink = 0;

beforeEach(async () => {
  kernel = openLinuxKernel(native, { after: systemClock.after, onError: assert.ifError });
  await host(`ip link add up0 mtu 1450 type veth peer name far0 && ip link set far0 up && ip address add ${OWN[4]}/24 dev up0 &&
    ip address add ${OWN[6]}/64 dev up0 nodad && ip link set up0 up`);
  uplink = Number.parseInt(await host("ip -o link show up0"), 10);
  const podCidrs = [cidr("10.244.1.0/24"), cidr("fd00:1::/64")];
  const plan = planNodeNetwork({ bridge: "cw0", mtu: 1400, podCidrs, formerCidrs: [], uplinks: ["up0"] });
  assert.deepEqual((await kernel.ensureNode(plan)).faults, []);
});

afterEach(async () => {
  await host(
    "set +e; ip link del cw0; ip link del up0; ip link del cw-vx; ip link del cw-vx6; ip route flush proto 99; ip -6 route flush proto 99; true",
  );
  kernel.close();
});

function direct(destination: string, gateway: string): PeerRoute {
  return { kind: "direct", destination: cidr(destination), gateway, linkIndex: uplink };
}

function overlay(destination: string, remote: string): PeerRoute {
  const isIpv6 = remote.includes(":");
  const source = destination.includes(":") ? "fd00:1::1" : "10.244.1.1";
  const underlay = isIpv6 ? 6 : 4;
  return {
    kind: "overlay",
    destination: cidr(destination),
    source,
    underlay,
    remote,
    fault: undefined,
  };
}

const key = ({ base, prefixLength }: Cidr): string => `${base}/${prefixLength}`;

function peers(planned: readonly PeerRoute[], change: Partial<PeersPlan> = {}): PeersPlan {
  const families = ([4, 6] as const).filter((family) =>
    planned.some((route) => route.kind === "overlay" && route.underlay === family),
  );
  return {
    routes: new Map(planned.map((route) => [key(route.destination), route])),
    held: new Set(),
    tunnels: families.map((underlay) => ({
      name: tunnelName("cw-vx", underlay),
      underlay,
      local: OWN[underlay],
      mac: macOf(OWN[underlay]),
      addresses: [],
      mtu: 1400,
      underlayMtu: 1500,
      vni: 4096,
      port: 4789,
      txChecksum: true,
    })),
    tunnelNames: TUNNEL_NAMES,
    podCidrs: noRoutes(),
    nodes: noRoutes(),
    problems: [],
    inClear: new Map(),
    encrypted: [],
    ...change,
  };
}

const DIRECT = () => [direct("10.244.2.0/24", "192.0.2.11"), direct("fd00:2::/64", "2001:db8:2::11")];
const OVERLAY = () => [
  overlay("10.244.3.0/24", "203.0.113.7"),
  overlay("fd00:3::/64", "203.0.113.7"),
  overlay("10.244.4.0/24", "2001:db8:9::7"),
];

const PRUNE = { prune: true, verify: true };

async function routes(): Promise<string[]> {
  const text = await host("ip -4 route show proto 99; ip -6 route show proto 99");
  return text
    .split("\n")
    .map((line) => line.replace(/ metric 1024| pref medium/g, "").trim())
    .filter((line) => line !== "")
    .toSorted();
}

/** Lines of what ip and bridge say, without interface indices. */
async function tunnelState(): Promise<string[]> {
  const text = await host("ip -d link show cw-vx; ip neigh show nud permanent; bridge fdb show dev cw-vx");
  return text
    .replace(/^\d+: /gm, "")
    .split("\n")
    .toSorted();
}

test("a route of IPv6 stayed with the neighbour when its node moved to the overlay: routes of both families move there, and back", async () => {
  const near = [direct("10.244.3.0/24", "192.0.2.11"), direct("fd00:3::/64", "2001:db8:2::11")];
  for (const planned of [near, OVERLAY().slice(0, 2), near, OVERLAY().slice(0, 2)]) {
    const { conflicts, refusals } = await kernel.ensurePeers(peers(planned), PRUNE);
    assert.deepEqual([conflicts, refusals], [[], []]);
  }
});

test("ensurePeers() makes a direct route of each family, as ip shows them", async () => {
  const { changes, conflicts, refusals } = await kernel.ensurePeers(peers(DIRECT()), PRUNE);
  assert.deepEqual([changes.length, conflicts, refusals], [2, [], []]);
  assert.deepEqual(await routes(), [
    "10.244.2.0/24 via 192.0.2.11 dev up0",
    "fd00:2::/64 via 2001:db8:2::11 dev up0",
  ]);
});

test("ensurePeers() makes VXLAN devices, routes through them, and permanent entries, as ip shows them", async () => {
  await kernel.ensurePeers(peers(OVERLAY()), PRUNE);
  assert.deepEqual(await routes(), [
    "10.244.3.0/24 via 10.244.3.1 dev cw-vx src 10.244.1.1 onlink",
    "10.244.4.0/24 via 10.244.4.1 dev cw-vx6 src 10.244.1.1 onlink",
    "fd00:3::/64 via fd00:3::1 dev cw-vx src fd00:1::1 onlink",
  ]);
  const device = await host("ip -d link show cw-vx");
  assert.match(device, /mtu 1400/);
  assert.match(device, new RegExp(`link/ether ${macOf(OWN[4])}`));
  assert.match(device, /vxlan id 4096 local 192.0.2.10 .*dstport 4789 nolearning/);
  assert.match(device, /addrgenmode none/);
  assert.match(device, /alias causeway/);
  assert.match(await host("ip -d link show cw-vx6"), /vxlan id 4096 local 2001:db8:2::10 .*dstport 4789/);
  const mac = macOf("203.0.113.7");
  const neighbours = await host("ip neigh show dev cw-vx nud permanent");
  assert.match(neighbours, new RegExp(`10.244.3.1 lladdr ${mac} PERMANENT`));
  assert.match(neighbours, new RegExp(`fd00:3::1 lladdr ${mac} PERMANENT`));
  assert.equal((await host("bridge fdb show dev cw-vx")).trim(), `${mac} dst 203.0.113.7 self permanent`);
  assert.equal((await host("cat /proc/sys/net/ipv4/conf/cw-vx/forwarding")).trim(), "1");
});

test("ensurePeers() finds nothing to do the second time, whether it looks or not", async () => {
  const plan = peers([...DIRECT(), ...OVERLAY()]);
  await kernel.ensurePeers(plan, PRUNE);
  for (const verify of [false, true]) {
    assert.deepEqual(await kernel.ensurePeers(plan, { prune: true, verify }), {
      changes: [],
      conflicts: [],
      refusals: [],
    });
  }
  const again = openLinuxKernel(native, { after: systemClock.after, onError: assert.ifError });
  assert.deepEqual((await again.ensurePeers(plan, PRUNE)).changes, []);
  again.close();
});

for (const { damage, kinds } of [
  { damage: "ip route del 10.244.2.0/24", kinds: ["route"] },
  { damage: "ip -6 route del fd00:2::/64", kinds: ["route"] },
  { damage: "ip route replace 10.244.2.0/24 via 192.0.2.99 proto 99", kinds: ["route"] },
  { damage: "ip -6 route replace fd00:2::/64 via 2001:db8:2::99 proto 99", kinds: ["route"] },
  { damage: "ip route replace 10.244.3.0/24 via 10.244.3.1 dev cw-vx onlink proto 99", kinds: ["route"] },
  { damage: "ip route replace blackhole 10.244.2.0/24 proto 99", kinds: ["route"] },
  { damage: "ip route add 10.244.9.0/24 via 192.0.2.99 proto 99", kinds: ["route"] },
  { damage: "ip route add 10.244.2.0/24 via 192.0.2.99 proto 99 metric 7", kinds: ["route"] },
  { damage: "ip neigh del 10.244.3.1 dev cw-vx", kinds: ["tunnel neighbour"] },
  {
    damage: "ip neigh replace 10.244.3.1 dev cw-vx lladdr 02:00:00:00:00:01",
    kinds: ["tunnel neighbour"],
  },
  {
    damage: `bridge fdb del ${macOf("203.0.113.7")} dev cw-vx dst 203.0.113.7`,
    kinds: ["tunnel forwarding entry"],
  },
  {
    damage: `bridge fdb replace ${macOf("203.0.113.7")} dev cw-vx dst 203.0.113.99`,
    kinds: ["tunnel forwarding entry"],
  },
  {
    damage: "bridge fdb add 02:00:00:00:00:09 dev cw-vx dst 203.0.113.99",
    kinds: ["tunnel forwarding entry"],
  },
  {
    damage: "ip link del cw-vx",
    kinds: ["tunnel", "tunnel forwarding entry", "tunnel neighbour", "route"],
  },
  // Less than IPv6 needs: the kernel takes IPv6 off the device.
  { damage: "ip link set cw-vx mtu 1000", kinds: ["tunnel", "tunnel neighbour", "route"] },
  // The kernel forgets the neighbours of a device that gets another MAC.
  { damage: "ip link set cw-vx address 02:00:00:00:00:02", kinds: ["tunnel", "tunnel neighbour"] },
  { damage: "sysctl -qw net.ipv4.conf.cw-vx.forwarding=0", kinds: ["tunnel"] },
  {
    damage:
      "ip link del cw-vx && ip link add cw-vx group 25463 type vxlan id 77 dstport 4789 local 192.0.2.10",
    kinds: ["tunnel", "tunnel forwarding entry", "tunnel neighbour", "route"],
  },
]) {
  test(`ensurePeers() repairs what "${damage}" does, and tells`, async () => {
    const plan = peers([...DIRECT(), ...OVERLAY()]);
    await kernel.ensurePeers(plan, PRUNE);
    const before = { routes: await routes(), tunnel: await tunnelState() };
    await host(damage);
    const { changes, refusals } = await kernel.ensurePeers(plan, PRUNE);
    assert.deepEqual(refusals, []);
    assert.deepEqual([...new Set(changes.map(({ kind }) => kind))], kinds);
    assert.deepEqual({ routes: await routes(), tunnel: await tunnelState() }, before);
  });
}

test("ensurePeers() brings routes back that went with a device that somebody set down", async () => {
  const plan = peers([...DIRECT(), ...OVERLAY()]);
  await kernel.ensurePeers(plan, PRUNE);
  const before = await routes();
  await host("ip link set cw-vx down; ip link set cw-vx6 down");
  await kernel.ensurePeers(plan, PRUNE);
  assert.deepEqual(await routes(), before);
  assert.deepEqual((await kernel.ensurePeers(plan, PRUNE)).changes, []);
});

test("ensurePeers() moves routes of both families from a neighbour to a device that encrypts, and back", async () => {
  await host("ip link add wg0 type veth peer name wg1; ip link set wg1 up; ip link set wg0 up");
  const linkIndex = Number.parseInt(await host("ip -o link show wg0"), 10);
  const encrypted = DIRECT().map(
    ({ destination }): PeerRoute => ({
      kind: "encrypted",
      node: { name: "b", createdMs: 1, addresses: ["192.0.2.11"], podCIDRs: [] },
      key: { publicKey: "key", port: 51_820 },
      destination,
      source: destination.family === 4 ? "10.244.1.1" : "fd00:1::1",
      linkIndex,
      remote: "192.0.2.11",
      fault: undefined,
    }),
  );
  for (const planned of [DIRECT(), encrypted, DIRECT(), encrypted]) {
    const { conflicts, refusals } = await kernel.ensurePeers(peers(planned), PRUNE);
    assert.deepEqual([conflicts, refusals], [[], []]);
  }
  assert.deepEqual(await routes(), [
    "10.244.2.0/24 via 10.244.2.1 dev wg0 src 10.244.1.1 onlink",
    "fd00:2::/64 via fe80::1 dev wg0 src fd00:1::1 onlink",
  ]);
  await host("ip link del wg0");
});

test("ensurePeers() removes what is not planned only once all nodes are known", async () => {
  await kernel.ensurePeers(peers([...DIRECT(), ...OVERLAY()]), PRUNE);
  const before = await routes();
  for (const verify of [false, true]) {
    await kernel.ensurePeers(peers([]), { prune: false, verify });
    assert.deepEqual(await routes(), before);
  }
  await kernel.ensurePeers(peers([]), { prune: true, verify: false });
  assert.deepEqual(await routes(), []);
  await kernel.ensurePeers(peers([]), PRUNE);
  assert.doesNotMatch(await host("ip link show"), /cw-vx/);
});

test("ensurePeers() keeps held routes and their tunnel while this node's own link is down", async () => {
  await kernel.ensurePeers(peers([...DIRECT(), ...OVERLAY()]), PRUNE);
  const held = new Set(OVERLAY().map(({ destination }) => key(destination)));
  await kernel.ensurePeers(peers([], { held }), PRUNE);
  assert.deepEqual((await routes()).length, 3);
  assert.match(await host("ip link show"), /cw-vx:/);
});

test("ensurePeers() follows one change among others without a look at the kernel", async () => {
  const [first = assert.fail(), second = assert.fail()] = DIRECT();
  await kernel.ensurePeers(peers([first, second, ...OVERLAY()]), PRUNE);
  const moved = [direct("10.244.2.0/24", "192.0.2.12"), second, direct("10.244.5.0/24", "192.0.2.12")];
  const { changes } = await kernel.ensurePeers(peers(moved), { prune: true, verify: false });
  assert.deepEqual(await routes(), [
    "10.244.2.0/24 via 192.0.2.12 dev up0",
    "10.244.5.0/24 via 192.0.2.12 dev up0",
    "fd00:2::/64 via 2001:db8:2::11 dev up0",
  ]);
  assert.equal(changes.filter(({ kind }) => kind === "tunnel").length, 2);
});

test("ensurePeers() leaves a route alone that somebody else made, says so, and makes the others", async () => {
  await host("ip route add 10.244.2.0/24 via 192.0.2.99 && ip -6 route add fd00:2::/64 via 2001:db8:2::99");
  const plan = peers([...DIRECT(), ...OVERLAY()]);
  for (const verify of [true, false]) {
    const { conflicts } = await kernel.ensurePeers(plan, { prune: true, verify });
    assert.deepEqual(conflicts, [
      "Cannot add route 10.244.2.0/24 via 192.0.2.11: a route to it exists that the agent did not create; remove it",
      "Cannot add route fd00:2::/64 via 2001:db8:2::11: a route to it exists that the agent did not create; remove it",
    ]);
  }
  assert.equal((await routes()).length, 3);
  assert.match(await host("ip route"), /10.244.2.0\/24 via 192.0.2.99 dev up0/);
});

test("ensurePeers() tells of a route that the kernel refuses, and makes the others", async () => {
  const plan = peers([direct("10.244.2.0/24", "198.51.100.1"), direct("10.244.3.0/24", "192.0.2.12")]);
  const { refusals } = await kernel.ensurePeers(plan, PRUNE);
  assert.match(refusals.join(), /^Cannot add route 10.244.2.0\/24 via 198.51.100.1: ENETUNREACH/);
  assert.deepEqual(await routes(), ["10.244.3.0/24 via 192.0.2.12 dev up0"]);
});

test("ensurePeers() refuses a device of its name that somebody else made", async () => {
  await host("ip link add cw-vx type bridge");
  await assert.rejects(
    kernel.ensurePeers(peers(OVERLAY()), PRUNE),
    /Cannot use VXLAN device "cw-vx": a link of that name exists that the agent did not create; remove it or set --vxlan-device/,
  );
});

test("ensurePeers() tells the kernel's reason when another program has the VXLAN number on this port", async () => {
  await host("ip link add flannel.1 type vxlan id 4096 dstport 4789 local 192.0.2.10");
  try {
    await assert.rejects(
      kernel.ensurePeers(peers(OVERLAY()), PRUNE),
      /Cannot create VXLAN device "cw-vx": EEXIST .*A VXLAN device with the specified VNI already exists/,
    );
  } finally {
    await host("ip link del flannel.1");
  }
});

test("ensurePeers() turns the checksum offload of a VXLAN device off where it is told to (projectcalico/calico#3145)", async () => {
  const offload = async (): Promise<string | undefined> =>
    /tx-checksum-ip-generic: (\w+)/.exec(await host("ethtool -k cw-vx"))?.[1];
  const plan = peers(OVERLAY().slice(0, 1));
  await kernel.ensurePeers(plan, PRUNE);
  assert.equal(await offload(), "on");
  const tunnels = plan.tunnels.map((tunnel) => ({ ...tunnel, txChecksum: false }));
  await kernel.ensurePeers({ ...plan, tunnels }, PRUNE);
  assert.equal(await offload(), "off");
});

/**
 * What an agent makes in a pod (kernel/pod-requests.ts), and the same of a second attachment with routes to
 * the cluster's prefixes.
 */
const POD_ROUTES = [
  "10.99.0.1 dev up0 scope link",
  "default via 10.99.0.1 dev up0",
  "10.99.0.0/16 via 10.99.0.1 dev up0",
  "fd00:99::1 dev up0",
  "default via fd00:99::1 dev up0",
  "fd00:99::/48 via fd00:99::1 dev up0",
];

async function addPodRoutes(): Promise<readonly string[]> {
  for (const route of POD_ROUTES)
    await host(`ip ${route.includes("fd00:") ? "-6" : "-4"} route add ${route} proto 99`);
  const made = await routes();
  assert.equal(made.length, POD_ROUTES.length);
  return made;
}

test("ensurePeers() on a node that is a pod of another one leaves the pod's own routes alone (rootless-containers/usernetes#391)", async () => {
  const own = await addPodRoutes();
  await kernel.ensurePeers(peers([...DIRECT(), ...OVERLAY()]), PRUNE);
  assert.equal((await routes()).length, own.length + 5);
  assert.equal((await kernel.listPeers()).length, 5);
  await kernel.ensurePeers(peers([]), PRUNE);
  assert.deepEqual(await routes(), own);
});

test("removeDatapath() on such a node leaves them as well, and takes those to other nodes", async () => {
  const own = await addPodRoutes();
  await kernel.ensurePeers(peers(DIRECT()), PRUNE);
  await kernel.removeDatapath();
  assert.deepEqual(await routes(), own);
});

test("observeNode() counts the routes to other nodes as it lists them, also where it has to tell them from the pod's own", async () => {
  const compare = async (): Promise<void> => {
    await kernel.ensurePeers(peers([...DIRECT(), ...OVERLAY()]), PRUNE);
    const { peerCounts, peers: listed } = await observeNode(native, { listPeers: true });
    const tunnelled = listed.filter(({ route }) => route === "overlay").length;
    assert.deepEqual(peerCounts, { encrypted: 0, direct: listed.length - tunnelled, overlay: tunnelled });
    assert.deepEqual(peerCounts, { encrypted: 0, direct: DIRECT().length, overlay: OVERLAY().length });
  };
  await compare();
  await kernel.ensurePeers(peers([]), PRUNE);
  await addPodRoutes();
  await compare();
});

test("ensurePeers() leaves routes of its protocol to pods alone, and takes the place of one that leads nowhere", async () => {
  const toPods = "10.244.1.7 dev up0 scope link";
  await host(`ip route add ${toPods} proto 99; ip route add unreachable 10.244.1.0/25 proto 99;
    ip route add unreachable 10.244.2.0/24 proto 99; ip -6 route add unreachable fd00:2::/64 proto 99`);
  const outcome = await kernel.ensurePeers(peers(DIRECT()), PRUNE);
  assert.deepEqual([outcome.conflicts, outcome.refusals], [[], []]);
  assert.deepEqual(await routes(), [
    toPods,
    "10.244.2.0/24 via 192.0.2.11 dev up0",
    "fd00:2::/64 via 2001:db8:2::11 dev up0",
    "unreachable 10.244.1.0/25",
  ]);
});
