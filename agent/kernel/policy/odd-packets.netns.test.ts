/** Packets that hardly any program sends: what the table makes of those in which there is nothing to look up. */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { addressToBytes } from "../../net/address.ts";
import { NETLINK_NETFILTER } from "../../netlink/nft/nft-generation.ts";
import { runOnHost } from "../../testing/machine/netns.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { ipv4 } from "../../testing/packets/raw-frames.ts";
import { FRONT, GATEWAYS, makePodPair, type PodPair, WEB } from "../../testing/packets/pod-pair.ts";
import { policyChange } from "../../testing/policy/raw-objects.ts";
import { isolateWeb } from "../../testing/policy/shop-engine.ts";
import { assertInsideTestNamespaces } from "../../testing/runner/privileged.ts";
import { loadNative } from "../socket/native.ts";
import { createNetlinkClient } from "../socket/netlink-client.ts";
import { createPolicyKernel } from "./linux-policy-kernel.ts";

assertInsideTestNamespaces();
const netfilter = createNetlinkClient(loadNative(), NETLINK_NETFILTER);

let pair: PodPair;

before(async () => {
  pair = await makePodPair();
});

afterEach(() => runOnHost("nft", "flush", "ruleset"));

after(async () => {
  netfilter.close();
  await pair.remove();
});

/** An IPv6 packet from web to front, whatever is behind its header. */
function ipv6(nextHeader: number, payload: Uint8Array): Buffer {
  const head = Buffer.from([0x60, 0, 0, 0, 0, 0, nextHeader, 64]);
  head.writeUInt16BE(payload.length, 4);
  return Buffer.concat([head, addressToBytes(WEB[1]), addressToBytes(FRONT[1]), payload]);
}

/** Of a protocol for experiments (RFC 3692). */
const EXPERIMENT = 253;

/** "No next header", and an extension header for the destination (RFC 8200). */
const [NOTHING_NEXT, OPTIONS] = [59, 60];

const ends = { from: WEB[0], to: FRONT[0] };

/** Packets that front has received from web. */
async function countReceived(): Promise<number> {
  const text = await pair.front.run("nft", "list", "chain", "inet", "arrivals", "received");
  return Number(/packets (\d+)/.exec(text)?.[1] ?? assert.fail(text));
}

for (const { name, type, packet } of [
  { name: "IPv4 without any content", type: "ipv4", packet: ipv4(ends, EXPERIMENT, Buffer.alloc(0)) },
  { name: "IPv4 with three bytes", type: "ipv4", packet: ipv4(ends, EXPERIMENT, Buffer.from("abc")) },
  { name: "TCP of two bytes", type: "ipv4", packet: ipv4(ends, 6, Buffer.from("ab")) },
  { name: "IPv6 without any content", type: "ipv6", packet: ipv6(NOTHING_NEXT, Buffer.alloc(0)) },
  {
    name: "IPv6 with an extension header that is longer than the packet",
    type: "ipv6",
    packet: ipv6(OPTIONS, Buffer.concat([Buffer.from([OPTIONS, 255]), Buffer.alloc(1000)])),
  },
] as const)
  test(`a ClusterNetworkPolicy that denies a network denies ${name}, of which no port can be read`, async () => {
    const kernel = createPolicyKernel({ netfilter });
    const shop = await isolateWeb(kernel);
    const networks = ["10.244.3.0/24", "fd00:10:244:3::/64"];
    const egress = [{ action: "Deny", to: [{ networks }] }];
    const spec = { tier: "Admin", priority: 1, subject: { namespaces: {} }, egress };
    shop.engine.apply([policyChange(undefined, "no-front", spec)]);
    await kernel.ensure(shop.engine.table);
    const denied = async () =>
      [...(await kernel.readDenials()).values()].reduce((sum, packets) => sum + packets, 0);
    await pair.front.run(
      "nft",
      `table inet arrivals {
        chain received {
          type filter hook prerouting priority raw;
          ip saddr ${WEB[0]} counter
          ip6 saddr ${WEB[1]} counter
        }
      }`.replace(type === "ipv4" ? /.*ip6 saddr.*\n/ : /.*ip saddr.*\n/, ""),
    );
    try {
      const deniedSoFar = await denied();
      await pair.sendPacket("web", type, packet);
      await eventually(
        "the packet is judged",
        async () => (await denied()) > deniedSoFar || (await countReceived()) > 0,
      );
      assert.equal(await countReceived(), 0);
      await runOnHost("nft", "flush", "ruleset");
      await pair.sendPacket("web", type, packet);
      await eventually("without policies it arrives", async () => (await countReceived()) > 0);
    } finally {
      await pair.front.run("nft", "delete", "table", "inet", "arrivals");
    }
  });

/** Prints how the attempt to connect ends. */
const CONNECT = `require("node:net").connect({ host: process.argv[1], port: 99 })
  .on("error", ({ code }) => { console.log(code); process.exit(); })
  .setTimeout(3000, () => { console.log("nothing"); process.exit(); });`;

for (const [family, name] of ["IPv4", "IPv6"].entries())
  test(`an isolated pod hears what the kernel of its own node answers, where connections are not tracked (${name})`, async () => {
    await isolateWeb(createPolicyKernel({ netfilter }), { podSelector: {} });
    await runOnHost(
      "nft",
      `table inet untracked {
        chain in { type filter hook prerouting priority raw; tcp dport 99 notrack; }
        chain out { type filter hook output priority raw; tcp sport 99 notrack; }
      }`,
    );
    const answer = await pair.web.run(process.execPath, "-e", CONNECT, GATEWAYS[family] ?? "");
    assert.equal(answer, "ECONNREFUSED\n");
  });
