/**
 * Who is on the node's segment speaks for no pod of the node: not to be masqueraded, not to the node, and not
 * to pods, where policies would take an address for whom they let in.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { eventually } from "../../testing/machine/eventually.ts";
import { host, makeNetns, type Netns, runOnHost } from "../../testing/machine/netns.ts";
import { ETHERTYPE, ethernet } from "../../testing/packets/frames/ethernet.ts";
import { ascii, hex } from "../../testing/packets/frames/bytes.ts";
import { udp } from "../../testing/packets/frames/ip.ts";
import { makePolicyNode, type PolicyNode, type PolicyPod } from "../../testing/policy/policy-node.ts";
import type { AgentProcess } from "../../testing/agent/agent-process.ts";

let cluster: PolicyNode;
let agent: AgentProcess;
/** A machine on the node's segment. */
let outsider: Netns;
/** What is behind the node for it. */
let world: Netns;
/** Policies let in `friend` and the outsider itself, and nobody else. */
let victim: PolicyPod;
let friend: PolicyPod;

const OUTSIDER = ["192.0.2.1", "2001:db8::1"] as const;
const NODE = ["192.0.2.10", "2001:db8::10"] as const;
const WORLD = ["203.0.113.1", "2001:db8:1::1"] as const;
const GATEWAYS = ["10.244.1.1", "fd00:1::1"] as const;
const NO_POD = ["10.244.1.99", "fd00:1::99"] as const;

beforeEach(async () => {
  cluster = await makePolicyNode("10.244.1.0/24", "fd00:1::/64");
  [outsider, world] = await Promise.all([makeNetns(), makeNetns()]);
  await host(`ip link add up0 type veth peer name up1 netns ${outsider.pid}; ip link add up2 type veth peer name up3 netns ${world.pid}
    ip address add ${NODE[0]}/24 dev up0; ip -6 address add ${NODE[1]}/64 dev up0 nodad; ip link set up0 up
    ip address add 203.0.113.10/24 dev up2; ip -6 address add 2001:db8:1::10/64 dev up2 nodad; ip link set up2 up
    ip route add default via ${WORLD[0]}; ip -6 route add default via ${WORLD[1]}
    for link in all up0; do sysctl -qw net.ipv4.conf.$link.rp_filter=0; done`);
  for (const [netns, link, [v4, v6]] of [
    [outsider, "up1", OUTSIDER],
    [world, "up3", WORLD],
  ] as const)
    await netns.run(
      "sh",
      "-ec",
      `ip link set lo up; ip address add ${v4}/24 dev ${link}; ip -6 address add ${v6}/64 dev ${link} nodad; ip link set ${link} up`,
    );
  cluster.putNamespace("shop");
  cluster.putPolicy("shop/friends", {
    podSelector: { matchLabels: { app: "web" } },
    ingress: [
      {
        from: [
          { podSelector: { matchLabels: { app: "friend" } } },
          { ipBlock: { cidr: `${OUTSIDER[0]}/32` } },
          { ipBlock: { cidr: `${OUTSIDER[1]}/128` } },
        ],
      },
    ],
  });
  agent = cluster.start();
  await agent.waitUntilReady();
  victim = await cluster.startPod("shop/victim", { labels: { app: "web" } });
  friend = await cluster.startPod("shop/friend", { labels: { app: "friend" } });
});

afterEach(async () => {
  await Promise.all([outsider, world].map((netns) => netns.remove()));
  await cluster.remove();
  await runOnHost("sh", "-c", "ip link del up0; ip link del up2; nft delete table inet seen; true");
});

/** Ports of the datagrams that have come out somewhere: in pods, in the world, at the node. */
async function watchArrivals(): Promise<() => Promise<readonly number[]>> {
  const table = (hook: string): string => `table inet seen {
    set ports { type inet_service; flags dynamic; }
    chain arrivals { type filter hook ${hook} priority 200; udp dport 20000-29999 add @ports { udp dport }; }
  }`;
  await runOnHost("nft", table("input"));
  const places = [victim.netns, friend.netns, world];
  for (const netns of places) await netns.run("nft", table("prerouting"));
  const list = ["nft", "-j", "list", "set", "inet", "seen", "ports"];
  return async () => {
    const texts = [await runOnHost(...list), ...(await Promise.all(places.map(({ run }) => run(...list))))];
    return texts.flatMap((text) => {
      const { nftables } = JSON.parse(text) as {
        nftables: readonly { set?: { elem?: readonly number[] } }[];
      };
      return nftables.flatMap(({ set }) => set?.elem ?? []);
    });
  };
}

/** Puts datagrams on the wire as the outsider, each under the source that it names. */
async function send(
  datagrams: readonly { readonly source: string; readonly destination: string; readonly port: number }[],
): Promise<void> {
  const macOn = (text: string): string => /link\/ether (\S+)/.exec(text)?.[1] ?? assert.fail(text);
  const source = macOn(await outsider.run("ip", "link", "show", "up1"));
  const destination = macOn(await runOnHost("ip", "link", "show", "up0"));
  const frames = datagrams.map(({ port, ...ends }) => {
    const type = ends.source.includes(":") ? ETHERTYPE.ipv6 : ETHERTYPE.ipv4;
    return hex(ethernet({ source, destination, type }, udp(ends, { from: 4000, to: port }, ascii("?"))));
  });
  const program = new URL("../../testing/packets/send-frames.ts", import.meta.url).pathname;
  await outsider.run(process.execPath, program, "up1", ...frames);
}

for (const [family, of] of [
  [4, 0],
  [6, 1],
] as const) {
  test(`who is on the node's segment reaches neither pods, nor the node, nor the world under the address of a pod of the node, also its own: IPv${family}`, async () => {
    const arrivals = await watchArrivals();
    const pods = [victim, friend].map(({ addresses }) => addresses[of] ?? assert.fail());
    const targets = [...pods, NODE[of], GATEWAYS[of], WORLD[of]];
    let port = 20_000;
    const lies = [...pods, NO_POD[of], GATEWAYS[of]].flatMap((source) =>
      targets.map((destination) => ({ source, destination, port: port++ })),
    );
    // Under its own name it does reach them: the way is open, and what was sent before it has been judged.
    const truths = targets.map((destination) => ({ source: OUTSIDER[of], destination, port: port++ }));
    await send([...lies, ...truths]);
    let seen: ReadonlySet<number> = new Set();
    const has = (datagram: { readonly port: number }): boolean => seen.has(datagram.port);
    await eventually(
      "what the outsider says under its own address arrives",
      async () => {
        seen = new Set(await arrivals());
        return truths.every(has);
      },
      () => [truths, [...seen]],
    );
    assert.deepEqual(lies.filter(has), []);
    const dropped = await agent.metric('causeway_dropped_packets_total{reason="outsider"}');
    assert.ok((dropped ?? 0) >= pods.length * targets.length, String(dropped));
  });
}
