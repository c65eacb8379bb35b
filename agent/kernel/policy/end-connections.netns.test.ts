import assert from "node:assert/strict";
import { after, afterEach, beforeEach, test } from "node:test";
import { NETLINK_NETFILTER } from "../../netlink/nft/nft-generation.ts";
import type { Packet } from "../../plan/policy/evaluate/evaluate.ts";
import { makeNetns, type Netns, runOnHost, host } from "../../testing/machine/netns.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { startFlow } from "../../testing/machine/start-flow.ts";
import { FILLED_PREFIX, fillConnections } from "../../testing/packets/fill-connections.ts";
import { assertInsideTestNamespaces } from "../../testing/runner/privileged.ts";
import { loadNative } from "../socket/native.ts";
import { createNetlinkClient } from "../socket/netlink-client.ts";
import { endConnections } from "./end-connections.ts";
import { forgetPods } from "./forget-pods.ts";

assertInsideTestNamespaces();
const netfilter = createNetlinkClient(loadNative(), NETLINK_NETFILTER);
after(() => netfilter.close());

const MARK = 1 << 27;
/** Of another program, in the same mark. */
const FOREIGN = 0x80;

interface Pod {
  readonly netns: Netns;
  readonly addresses: readonly [string, string];
  readonly hostLink: string;
}

/** Never given twice: the kernel remembers connections of pods that are gone. */
let lastNumber = 0;
let pods: readonly Pod[];

async function makePod(number: number): Promise<Pod> {
  const netns = await makeNetns();
  const [hostLink, link] = [`pod${number}`, `eth${number}`];
  await host(`ip link add ${hostLink} type veth peer name ${link} netns ${netns.pid}; ip link set ${hostLink} up
    ip address add 10.9.${number}.1/24 dev ${hostLink}; ip -6 address add fd00:9:${number}::1/64 dev ${hostLink} nodad`);
  await netns.run(
    "sh",
    "-ec",
    `ip link set lo up; ip address add 10.9.${number}.2/24 dev ${link}; ip -6 address add fd00:9:${number}::2/64 dev ${link} nodad
    ip link set ${link} up; ip route add default via 10.9.${number}.1; ip -6 route add default via fd00:9:${number}::1`,
  );
  return { netns, addresses: [`10.9.${number}.2`, `fd00:9:${number}::2`], hostLink };
}

beforeEach(async () => {
  await host("echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
  pods = await Promise.all([1, 2, 3].map(() => makePod(++lastNumber)));
  await runOnHost(
    "nft",
    `table inet test {
      chain translate { type nat hook prerouting priority -100; ip daddr 10.99.0.1 dnat ip to ${pods[1]?.addresses[0]}; }
      chain foreign { type filter hook forward priority 0; ct mark set ct mark or ${FOREIGN}; }
      chain judge { type filter hook postrouting priority 90; ct mark and ${MARK} == ${MARK} drop; }
    }`,
  );
});

afterEach(async () => {
  await runOnHost("nft", "flush", "ruleset");
  for (const { netns, hostLink } of pods) {
    await runOnHost("ip", "link", "delete", hostLink);
    await netns.remove();
  }
});

function end(isForbidden: (packet: Packet) => boolean, addresses: readonly string[]) {
  return endConnections(netfilter, {
    addresses: new Set(addresses),
    mark: MARK,
    isForbidden,
  });
}

/** Calls a function for connections, and counts the most calls in one turn of the event loop. */
function countInTurns<Input>(judge: (input: Input) => boolean) {
  const counts = { all: 0, inThisTurn: 0, inOneTurn: 0 };
  const onTurn = (): void => {
    counts.inThisTurn = 0;
    turn = setImmediate(onTurn);
  };
  let turn = setImmediate(onTurn);
  return {
    counts,
    judge(input: Input): boolean {
      counts.all++;
      counts.inOneTurn = Math.max(counts.inOneTurn, ++counts.inThisTurn);
      return judge(input);
    },
    stop: () => clearImmediate(turn),
  };
}

test("a pod that fills the table of connections costs a part of it at a time, not 1 GB and seconds", async (context) => {
  const [filler] = pods as [Pod, Pod, Pod];
  const count = 4000;
  await fillConnections(netfilter, { source: filler.addresses[0], count });
  const ending = countInTurns(({ source }: Packet) => source === filler.addresses[0]);
  context.after(ending.stop);
  const counts = await end(ending.judge, filler.addresses);
  assert.deepEqual(counts, { ended: count, released: 0, marked: count });
  assert.ok(
    ending.counts.inOneTurn < count / 4,
    `${ending.counts.inOneTurn} of ${ending.counts.all} at once`,
  );
  const forgetting = countInTurns((address: string) => address.startsWith(FILLED_PREFIX));
  context.after(forgetting.stop);
  await forgetPods(netfilter, forgetting.judge);
  assert.ok(forgetting.counts.all >= count);
  assert.ok(forgetting.counts.inOneTurn < count / 4, `${forgetting.counts.inOneTurn} at once`);
  assert.deepEqual(await end(() => true, filler.addresses), { ended: 0, released: 0, marked: 0 });
});

for (const [family, index] of [
  ["IPv4", 0],
  ["IPv6", 1],
] as const) {
  test(`endConnections() ends TCP and UDP over ${family} in both directions, and nothing of another pod`, async (context) => {
    const [client, server, other] = pods as [Pod, Pod, Pod];
    const address = server.addresses[index];
    const [forbidden, allowed] = await Promise.all([
      startFlow(context, { from: client.netns, to: server.netns, address, port: 7000 }),
      startFlow(context, { from: other.netns, to: server.netns, address, port: 7001 }),
    ]);
    const judged: Packet[] = [];
    const counts = await end((packet) => {
      judged.push(packet);
      return packet.source === client.addresses[index];
    }, server.addresses);
    assert.deepEqual(counts, { ended: 2, released: 0, marked: 2 });
    assert.ok(judged.some(({ destination, port }) => destination === address && port === 7001));
    await forbidden.stops();
    await allowed.goesOn();
    const again = await end(() => false, client.addresses);
    assert.deepEqual(again, { ended: 0, released: 2, marked: 0 });
    await forbidden.goesOn();
  });
}

for (const direction of ["", "original "] as const)
  test(`connections in a zone of another program, for ${direction === "" ? "both directions" : "one direction"}, are ended and forgotten like others`, async (context) => {
    const [client, server] = pods as [Pod, Pod, Pod];
    await runOnHost(
      "nft",
      `table inet zones { chain in { type filter hook prerouting priority raw; ct ${direction}zone set 7; }; }`,
    );
    for (const address of server.addresses) {
      const flow = await startFlow(context, { from: client.netns, to: server.netns, address, port: 7000 });
      assert.equal((await end(() => true, [address])).ended, 2);
      await flow.stops();
      await forgetPods(netfilter, (gone) => gone === address);
      await eventually("others have their place", async () => (await end(() => true, [address])).ended > 0);
    }
  });

test("endConnections() leaves the bits of other programs in a connection's mark", async (context) => {
  const [client, server] = pods as [Pod, Pod, Pod];
  const [address] = server.addresses;
  await startFlow(context, { from: client.netns, to: server.netns, address, port: 7000 });
  const marks = async (): Promise<readonly number[]> => {
    const text = await host("cat /proc/net/nf_conntrack");
    return text.split("\n").flatMap((line) => {
      const [, mark] = /mark=(\d+)/.exec(line) ?? [];
      return line.includes(`dst=${address} `) ? [Number(mark)] : [];
    });
  };
  await end(() => true, client.addresses);
  assert.deepEqual(await marks(), [FOREIGN | MARK, FOREIGN | MARK]);
  await end(() => false, client.addresses);
  assert.deepEqual(await marks(), [FOREIGN, FOREIGN]);
});

test("endConnections() judges by the pod's own address and port behind a service", async (context) => {
  const [client, server] = pods as [Pod, Pod, Pod];
  const [address] = server.addresses;
  const ends = { from: client.netns, to: server.netns, address, asked: "10.99.0.1", port: 7000 };
  const flow = await startFlow(context, ends);
  const judged: Packet[] = [];
  await end((packet) => judged.push(packet) > 0, server.addresses);
  const want = { source: client.addresses[0], destination: address, port: 7000 };
  assert.deepEqual(
    judged.toSorted((a, b) => Number(a.protocol) - Number(b.protocol)),
    [
      { ...want, protocol: 6 },
      { ...want, protocol: 17 },
    ],
  );
  await flow.stops();
});

test("endConnections() judges none of a pod that nothing has changed for, but what was ended", async (context) => {
  const [client, server, other] = pods as [Pod, Pod, Pod];
  const [address] = server.addresses;
  const flow = await startFlow(context, { from: client.netns, to: server.netns, address, port: 7000 });
  let judged = 0;
  const judge = (packet: Packet): boolean => packet.destination === address && ++judged > 0;
  await end(judge, other.addresses);
  assert.equal(judged, 0);
  await end(judge, client.addresses);
  await end(judge, other.addresses);
  assert.equal(judged, 4);
  await flow.stops();
});
