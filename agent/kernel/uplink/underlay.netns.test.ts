import assert from "node:assert/strict";
import { after, afterEach, beforeEach, test } from "node:test";
import { describeVrf } from "../../plan/node/underlay.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { host } from "../../testing/machine/netns.ts";
import { assertInsideTestNamespaces } from "../../testing/runner/privileged.ts";
import { loadNative } from "../socket/native.ts";
import { createNetlinkClient } from "../socket/netlink-client.ts";
import { createUnderlayObserver } from "./underlay.ts";

assertInsideTestNamespaces();
const rtnetlink = createNetlinkClient(loadNative());
after(() => rtnetlink.close());

/** Two links with carrier: up0 with an address of each family, up1 without any. */
beforeEach(async () => {
  for (const [name, mtu] of [
    ["up0", 9000],
    ["up1", 8900],
  ])
    await host(`ip link add ${name} mtu ${mtu} type veth peer name far-${name} && ip link set far-${name} mtu ${mtu} up &&
      ip link set ${name} up`);
  await host(`ip address add 192.0.2.10/24 dev up0; ip address add 2001:db8:2::10/64 dev up0 nodad`);
});

afterEach(async () => {
  await host(`for link in $(ip -o link | cut -d: -f2 | cut -d@ -f1); do [ $link = lo ] || ip link del $link 2>/dev/null || true; done
    ip address flush dev lo scope global; ip nexthop flush >/dev/null; sysctl -qw net.ipv4.nexthop_compat_mode=1
    sysctl -qw net.ipv6.conf.all.ignore_routes_with_linkdown=0
    ip rule del pref 77 2>/dev/null || true`);
});

const observe = (own: readonly string[], ...peers: readonly string[]) =>
  createUnderlayObserver(rtnetlink).observe(own, peers, "all");

const indexOf = async (link: string): Promise<number> =>
  Number.parseInt(await host(`ip -o link show ${link}`), 10);

const OWN = ["192.0.2.10", "2001:db8:2::10"];

test("observe() tells a neighbour on a link from a host behind a gateway and one that no route leads to, in both families", async () => {
  await host("ip route add 203.0.113.0/24 via 192.0.2.1; ip -6 route add 2001:db8:9::/64 via 2001:db8:2::1");
  const near = ["192.0.2.11", "2001:db8:2::11"];
  const far = ["203.0.113.7", "2001:db8:9::7"];
  const lost = ["198.51.100.9", "2001:db8:aa::9"];
  const { routes, uplinks, addresses } = await observe(OWN, ...near, ...far, ...lost, "192.0.2.10");
  const index = await indexOf("up0");
  for (const address of near) assert.deepEqual(routes.get(address), { kind: "segment", links: [index] });
  assert.deepEqual(
    far.map((address) => routes.get(address)),
    ["192.0.2.1", "2001:db8:2::1"].map((gateway) => {
      return { kind: "routed", links: [index], gateways: [gateway], through: `gateway ${gateway}` };
    }),
  );
  for (const address of lost)
    assert.deepEqual(routes.get(address), {
      kind: "none",
      links: [],
      fault: "the kernel has no route to it (ENETUNREACH)",
    });
  assert.equal(routes.get("192.0.2.10")?.kind, "inside");
  assert.deepEqual(uplinks, [{ name: "up0", mtu: 9000 }]);
  assert.deepEqual(Object.fromEntries(addresses), { [OWN[0] ?? ""]: 9000, [OWN[1] ?? ""]: 9000 });
});

test("observe() takes no broadcast or anycast address of a subnet for a node that will come: the overlay would send to all", async () => {
  const all = ["192.0.2.255", "2001:db8:2::"];
  await host("sysctl -qw net.ipv6.conf.up0.forwarding=1");
  const { routes } = await observe(OWN, ...all);
  assert.deepEqual(
    all.map((address) => routes.get(address)?.kind),
    ["inside", "inside"],
  );
});

test("observe() finds nothing on a link that is down, and nothing of ours", async () => {
  await host(
    "ip link add cw0 type bridge && ip link set cw0 alias 'causeway bridge' up && ip address add 10.244.1.1/24 dev cw0",
  );
  await host("ip link set up0 down");
  const { routes, uplinks, addresses } = await observe(OWN, "192.0.2.11", "10.244.1.9");
  assert.equal(routes.get("192.0.2.11")?.kind, "none");
  assert.deepEqual(routes.get("10.244.1.9"), {
    kind: "inside",
    links: [],
    fault: 'its route leads to pods, over "cw0"',
  });
  assert.deepEqual([uplinks.map(({ name }) => name), [...addresses]], [["up0"], []]);
});

test("observe() takes nobody on a link without neighbours for a neighbour, as WireGuard's is (k3s-io/k3s#1104, netbirdio/netbird#695)", async () => {
  await host(`ip tuntap add mode tun name wg0 && ip link set wg0 mtu 1420 up &&
    ip address add 10.10.0.1/24 dev wg0 && ip address add fd00:10::1/64 dev wg0 nodad`);
  const peers = ["10.10.0.2", "fd00:10::2"];
  const { routes, uplinks, addresses } = await observe(["10.10.0.1", "fd00:10::1"], ...peers);
  for (const peer of peers)
    assert.deepEqual(routes.get(peer), {
      kind: "routed",
      links: [await indexOf("wg0")],
      gateways: [],
      through: 'link "wg0", which has no neighbours',
    });
  assert.deepEqual(uplinks, [{ name: "wg0", mtu: 1420 }]);
  assert.deepEqual([...addresses.values()], [1420, 1420]);
});

test("observe() takes nobody on a link that asks for no address for a neighbour, whatever its kind", async () => {
  await host("ip link set up0 arp off");
  assert.equal((await observe(OWN, "192.0.2.11")).routes.get("192.0.2.11")?.kind, "routed");
});

const GATEWAYS = "ip address add 198.51.100.10/24 dev up1; ip address add 2001:db8:3::10/64 dev up1 nodad";

for (const { form, command } of [
  {
    form: "several next hops",
    command: `ip route add 10.255.0.0/24 nexthop via 192.0.2.1 nexthop via 198.51.100.1
      ip -6 route add fd00:255::/64 nexthop via 2001:db8:2::1 nexthop via 2001:db8:3::1`,
  },
  {
    form: "a nexthop group",
    command: `ip nexthop add id 1 via 192.0.2.1 dev up0; ip nexthop add id 2 via 198.51.100.1 dev up1; ip nexthop add id 3 group 1/2
      ip nexthop add id 4 via 2001:db8:2::1 dev up0; ip nexthop add id 5 via 2001:db8:3::1 dev up1; ip nexthop add id 6 group 4/5
      ip route add 10.255.0.0/24 nhid 3; ip -6 route add fd00:255::/64 nhid 6`,
  },
  {
    form: "host routes, one over each link, without a default route",
    command: `ip route add 10.255.0.2/32 via 192.0.2.1 metric 20; ip route add 10.255.0.3/32 via 198.51.100.1 metric 20
      ip -6 route add fd00:255::2/128 via 2001:db8:2::1; ip -6 route add fd00:255::3/128 via 2001:db8:3::1`,
  },
  {
    form: "next hops of the other family (RFC 8950)",
    command: `ip route add 10.255.0.0/24 nexthop via inet6 2001:db8:2::1 dev up0 nexthop via inet6 2001:db8:3::1 dev up1
      ip -6 route add fd00:255::/64 nexthop via 2001:db8:2::1 nexthop via 2001:db8:3::1`,
  },
  {
    form: "default routes with several next hops",
    command: `ip route add default nexthop via 192.0.2.1 nexthop via 198.51.100.1
      ip -6 route add default nexthop via 2001:db8:2::1 nexthop via 2001:db8:3::1`,
  },
])
  test(`observe() follows routes of every form from a node address on the loopback: ${form} (cilium/cilium#27121, #17463)`, async () => {
    await host(
      `${GATEWAYS}; ip address add 10.255.0.1/32 dev lo; ip address add fd00:255::1/128 dev lo nodad; ${command}`,
    );
    const peers = ["10.255.0.2", "10.255.0.3", "fd00:255::2", "fd00:255::3"];
    const { routes, uplinks, addresses } = await observe(["10.255.0.1", "fd00:255::1"], ...peers);
    for (const peer of peers) assert.equal(routes.get(peer)?.kind, "routed", peer);
    assert.deepEqual(uplinks.map(({ name }) => name).toSorted(), ["up0", "up1"]);
    assert.deepEqual(Object.fromEntries(addresses), { "10.255.0.1": 8900, "fd00:255::1": 8900 });
  });

test("observe() follows nexthop objects also where the kernel tells no more than their number", async () => {
  await host(`${GATEWAYS}; sysctl -qw net.ipv4.nexthop_compat_mode=0; ip address add 10.255.0.1/32 dev lo
    ip nexthop add id 1 via 192.0.2.1 dev up0; ip nexthop add id 2 via 198.51.100.1 dev up1; ip nexthop add id 3 group 1/2
    ip route add 10.255.0.0/24 nhid 3`);
  const peers = Array.from({ length: 40 }, (_, offset) => `10.255.0.${offset + 2}`);
  const { routes, uplinks } = await observe(["10.255.0.1"], ...peers);
  for (const peer of peers) assert.equal(routes.get(peer)?.kind, "routed", peer);
  assert.deepEqual(uplinks.map(({ name }) => name).toSorted(), ["up0", "up1"]);
});

test("observe() knows no size for an address on the loopback that no route leads away from", async () => {
  await host("ip link set up0 down; ip link set up1 down; ip address add 198.51.100.1/32 dev lo");
  assert.deepEqual([...(await observe(["198.51.100.1"])).addresses], []);
});

/** The link that ip says the kernel would take. */
const chosen = async (address: string): Promise<string | undefined> =>
  / dev (\S+)/.exec(await host(`ip route get ${address}`))?.[1];

for (const { name, command, link } of [
  {
    name: "of which one has no carrier, and routes over such are ignored",
    // Before Linux 5.11 the links of IPv4 do not follow "all".
    command: `sysctl -qw net.ipv4.conf.up0.ignore_routes_with_linkdown=1 net.ipv6.conf.all.ignore_routes_with_linkdown=1
      ip address add 192.0.2.12/24 dev up1; ip address add 2001:db8:2::12/64 dev up1 nodad; ip link set far-up0 down`,
    link: "up1",
  },
  {
    name: "of which the second has the lower metric",
    command: `ip address flush dev up0; ip address add 192.0.2.10/24 dev up0 metric 200; ip address add 192.0.2.12/24 dev up1 metric 100
      ip address add 2001:db8:2::10/64 dev up0 metric 200 nodad; ip address add 2001:db8:2::12/64 dev up1 metric 100 nodad`,
    link: "up1",
  },
  {
    name: "of which a rule prefers the second",
    command: `ip address add 192.0.2.12/24 dev up1 noprefixroute; ip route add 192.0.2.0/24 dev up1 table 77
      ip rule add pref 77 lookup 77; ip -6 rule add pref 77 lookup 77; ip -6 route add 2001:db8:2::/64 dev up1 table 77`,
    link: "up1",
  },
])
  test(`observe() chooses as the kernel does among two links on one subnet, ${name} (rancher/rke2#6060, k3s-io/k3s#1131)`, async () => {
    await host(command);
    try {
      for (const peer of ["192.0.2.99", "2001:db8:2::99"]) {
        const settled = await chosenOnce(peer, link);
        assert.equal(settled, link);
        const { routes, uplinks } = await observe(OWN, peer);
        assert.deepEqual(routes.get(peer), { kind: "segment", links: [await indexOf(link)] });
        assert.ok(uplinks.some((uplink) => uplink.name === link));
      }
    } finally {
      await host("ip -6 rule del pref 77 2>/dev/null || true");
    }
  });

/** The kernel hears of a lost carrier a moment later (linkwatch_nextevent of net/core/link_watch.c). */
async function chosenOnce(peer: string, link: string): Promise<string | undefined> {
  await eventually(`the kernel takes ${link} to ${peer}`, async () => (await chosen(peer)) === link);
  return chosen(peer);
}

test("observe() tells which of the node's addresses only a VRF uses: on a port of it, and on its own link", async (context) => {
  const hasVrf = await host("ip link add blue type vrf table 77").then(
    () => true,
    () => false,
  );
  if (!hasVrf) return context.skip("this kernel has no VRF");
  await host(`ip link set blue up; ip link set up1 master blue; ip address add 198.51.100.10/24 dev up1
    ip address add 203.0.113.1/32 dev blue`);
  const own = ["192.0.2.10", "198.51.100.10", "203.0.113.1"];
  const { vrfAddresses, routes } = await observe(own, "198.51.100.11");
  assert.deepEqual(vrfAddresses, [
    { address: "198.51.100.10", link: "up1", vrf: "blue" },
    { address: "203.0.113.1", link: "blue", vrf: "blue" },
  ]);
  assert.equal(routes.get("198.51.100.11")?.kind, "none");
  assert.match(describeVrf(vrfAddresses) ?? "", /198\.51\.100\.10 \(link "up1", VRF "blue"\)/);
});

test("observe() counts every link that a neighbour is on among those that must forward", async () => {
  await host(GATEWAYS);
  const { uplinks } = await observe(OWN, "192.0.2.11", "198.51.100.11");
  assert.deepEqual(uplinks, [
    { name: "up0", mtu: 9000 },
    { name: "up1", mtu: 8900 },
  ]);
});

test("observe() asks again after it has been told to forget, and for what is new in between", async () => {
  const observer = createUnderlayObserver(rtnetlink);
  const before = (await observer.observe(OWN, ["192.0.2.11"], "all")).routes;
  const next = (await observer.observe(OWN, ["192.0.2.11", "192.0.2.12"], "new only")).routes;
  assert.equal(next.get("192.0.2.12"), before.get("192.0.2.11"), "the same route is the same object");
  await host("ip link del up0");
  assert.equal(
    (await observer.observe(OWN, ["192.0.2.11"], "new only")).routes.get("192.0.2.11")?.kind,
    "segment",
  );
  observer.forget();
  assert.equal(
    (await observer.observe(OWN, ["192.0.2.11"], "new only")).routes.get("192.0.2.11")?.kind,
    "none",
  );
});
