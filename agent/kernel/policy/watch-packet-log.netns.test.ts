import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, afterEach, beforeEach, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { readPacket } from "../../net/read-packet.ts";
import type { LoggedPacket } from "../../netlink/state/packet-log.ts";
import { NETLINK_NETFILTER } from "../../netlink/nft/nft-generation.ts";
import { systemClock } from "../../lib/clock.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { callOnHost, runOnHost } from "../../testing/machine/netns.ts";
import { assertInsideTestNamespaces } from "../../testing/runner/privileged.ts";
import { NetlinkError } from "../../netlink/message/netlink-error.ts";
import { loadNative } from "../socket/native.ts";
import { createNetlinkClient } from "../socket/netlink-client.ts";
import { watchPacketLog } from "./watch-packet-log.ts";

assertInsideTestNamespaces();
const native = loadNative();
const netfilter = createNetlinkClient(native, NETLINK_NETFILTER);
after(() => netfilter.close());

const GROUP = 6371;
/** More than fit into the buffer of a socket. */
const FLOOD = 60_000;
const SEND = new URL("../../testing/packets/send-datagram.ts", import.meta.url);

interface Reader {
  readonly packets: LoggedPacket[];
  readonly errors: unknown[];
  readonly stop: () => void;
}

let readers: Reader[];

beforeEach(async () => {
  readers = [];
  await runOnHost("ip", "link", "set", "lo", "up");
  await runOnHost(
    "nft",
    `table inet test {
      chain out { type filter hook output priority 0; udp dport 7000 log group ${GROUP} prefix "in4-abc" snaplen 64 drop; }
    }`,
  );
});

afterEach(async () => {
  for (const { stop } of readers) stop();
  await runOnHost("nft", "flush", "ruleset");
});

function read(retry = systemClock.after): Reader {
  const packets: LoggedPacket[] = [];
  const errors: unknown[] = [];
  const { stop } = watchPacketLog({
    native,
    netfilter,
    group: GROUP,
    // The bytes are valid during the call only.
    onPacket: ({ prefix, packet }) => packets.push({ prefix, packet: Buffer.from(packet) }),
    onError: (error) => errors.push(error),
    after: retry,
  });
  const reader = { packets, errors, stop };
  readers.push(reader);
  return reader;
}

async function send(destination: string): Promise<void> {
  await callOnHost(SEND, "any", destination, "7000", "00".repeat(200));
}

test("watchPacketLog() reads what rules log, over IPv4 and IPv6, with the rule's prefix and both ends", async () => {
  const { packets, errors } = read();
  await eventually("packets are read", async () => {
    await send("127.0.0.1");
    await send("::1");
    return packets.length > 1;
  });
  assert.deepEqual(errors, []);
  const seen = packets.map(({ prefix, packet }) => {
    const { source, destination, protocol, ports } = readPacket(packet) ?? assert.fail("no packet");
    return [prefix, source, destination, protocol, ports?.destination].join(" ");
  });
  assert.deepEqual([...new Set(seen)].toSorted(), [
    "in4-abc 127.0.0.1 127.0.0.1 17 7000",
    "in4-abc ::1 ::1 17 7000",
  ]);
  assert.ok(packets.every(({ packet }) => packet.length === 64));
});

test("watchPacketLog() waits for a group that another process still has, as the agent before an upgrade", async () => {
  const first = read();
  await eventually("the first one reads", async () => {
    await send("127.0.0.1");
    return first.packets.length > 0;
  });
  const second = read((_ms, work) => systemClock.after(1, work));
  await eventually("the second one is refused", () => second.errors.length > 0);
  assert.match(String(second.errors[0]), /receive packets that are logged to group 6371.*(?:EBUSY|EPERM)/);
  first.stop();
  readers = [second];
  await eventually("the second one reads", async () => {
    await send("127.0.0.1");
    return second.packets.length > 0;
  });
});

test("watchPacketLog() goes on after more packets than its socket's buffer holds", async () => {
  const { packets, errors } = read();
  await eventually("packets are read", async () => {
    await send("127.0.0.1");
    return packets.length > 0;
  });
  // While this process waits for the program it reads nothing.
  spawnSync("bash", ["-c", `for i in {1..${FLOOD}}; do echo >/dev/udp/127.0.0.1/7000; done`]);
  await eventually("all that was kept is read", async () => {
    const before = packets.length;
    await delay(200);
    return packets.length === before;
  });
  const kept = packets.length;
  assert.ok(kept < FLOOD, `${kept} of ${FLOOD} were kept: the buffer was never full`);
  await eventually("later packets are read", async () => {
    await send("127.0.0.1");
    return packets.length > kept;
  });
  assert.deepEqual(errors, []);
});

test("watchPacketLog() names the module of a kernel that logs for nobody", async () => {
  const error = await new Promise((onError) => {
    const { stop } = watchPacketLog({
      native: loadNative(),
      netfilter: {
        execute: () => Promise.reject(new NetlinkError({ errno: 22, what: "bind to log group 1" })),
      },
      group: 1,
      onPacket: assert.ifError,
      onError(refused) {
        stop();
        onError(refused);
      },
      after: () => () => undefined,
    });
  });
  assert.match(String(error), /Cannot bind to log group 1: Linux \S+ has no module nfnetlink_log /);
});
