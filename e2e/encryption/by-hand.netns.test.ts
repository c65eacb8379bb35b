/**
 * What somebody changes of a device by hand: the kernel tells nobody of it. Runs against userspace WireGuard
 * (e2e/encryption/run.sh) and against kernels that have it (e2e/kernels).
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createNetlinkClient } from "../../agent/kernel/socket/netlink-client.ts";
import { requireFamily } from "../../agent/kernel/wireguard/read-device.ts";
import {
  AF_INET,
  WG_CMD_SET_DEVICE,
  WGALLOWEDIP_A_CIDR_MASK,
  WGALLOWEDIP_A_FAMILY,
  WGALLOWEDIP_A_IPADDR,
  WGDEVICE_A_FWMARK,
  WGDEVICE_A_IFNAME,
  WGDEVICE_A_LISTEN_PORT,
  WGDEVICE_A_PEERS,
  WGPEER_A_ALLOWEDIPS,
  WGPEER_A_FLAGS,
  WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL,
  WGPEER_A_PRESHARED_KEY,
  WGPEER_A_PUBLIC_KEY,
  WGPEER_F_REMOVE_ME,
  WGPEER_F_REPLACE_ALLOWEDIPS,
} from "../../agent/netlink/constants.ts";
import { genericHeader, NETLINK_GENERIC } from "../../agent/netlink/generic/generic-family.ts";
import {
  type Attribute,
  attribute,
  nested,
  textAttribute,
  u16Attribute,
  u32Attribute,
  u8Attribute,
} from "../../agent/netlink/message/attributes.ts";
import { host } from "../../agent/testing/machine/netns.ts";
import { ALL, key, native, peer, PLAN, useTwoNodes } from "./two-nodes.ts";

const nodes = useTwoNodes();

/** A peer as somebody changes it. */
const peerChange = (publicKey: string, ...attributes: readonly Attribute[]): Attribute =>
  nested(
    WGDEVICE_A_PEERS,
    nested(0, attribute(WGPEER_A_PUBLIC_KEY, Buffer.from(publicKey, "base64")), ...attributes),
  );

/** Changes the device as its tools do. */
async function configure(...attributes: readonly Attribute[]): Promise<void> {
  const generic = createNetlinkClient(native, NETLINK_GENERIC);
  const what = "change a device by hand";
  const name = textAttribute(WGDEVICE_A_IFNAME, PLAN.name);
  const payload = [genericHeader(WG_CMD_SET_DEVICE), ...name, ...attributes.flat()];
  const type = await requireFamily(generic, what);
  await generic.execute([{ requests: [{ type, flags: 0, payload, what }] }]);
  generic.close();
}

function allowing(base: readonly number[], prefixLength: number): Attribute {
  const item = nested(
    0,
    u16Attribute(WGALLOWEDIP_A_FAMILY, AF_INET),
    attribute(WGALLOWEDIP_A_IPADDR, Buffer.from(base)),
    u8Attribute(WGALLOWEDIP_A_CIDR_MASK, prefixLength),
  );
  return nested(WGPEER_A_ALLOWEDIPS, item);
}

const everywhere = allowing([0, 0, 0, 0], 0);
const ofPeer = 'peer "b" of WireGuard device "cw-wg" has an unexpected';
const ofDevice = 'WireGuard device "cw-wg" has an unexpected';

for (const { what, damage, fault, ends = false } of [
  {
    what: "a peer is taken away",
    damage: (b: string) => configure(peerChange(b, u32Attribute(WGPEER_A_FLAGS, WGPEER_F_REMOVE_ME))),
    fault: () => 'WireGuard device "cw-wg" lacks peer "b"',
    ends: true,
  },
  {
    what: "a stranger becomes a peer for everything",
    damage: () => configure(peerChange(key(9), everywhere)),
    fault: () => `WireGuard device "cw-wg" has unexpected peer ${key(9)}`,
  },
  {
    what: "a peer may send from everywhere",
    damage: (b: string) => configure(peerChange(b, everywhere)),
    fault: () => `${ofPeer} set of prefixes`,
  },
  {
    what: "a peer loses its prefixes",
    damage: (b: string) =>
      configure(peerChange(b, u32Attribute(WGPEER_A_FLAGS, WGPEER_F_REPLACE_ALLOWEDIPS))),
    fault: () => `${ofPeer} set of prefixes`,
  },
  {
    what: "a stranger gets a peer's prefix",
    damage: () => configure(peerChange(key(9), allowing([10, 244, 2, 0], 24))),
    fault: () => `${ofPeer} set of prefixes`,
  },
  {
    what: "a peer gets a preshared key, which its node does not have",
    damage: (b: string) => configure(peerChange(b, attribute(WGPEER_A_PRESHARED_KEY, Buffer.alloc(32, 7)))),
    fault: () => `${ofPeer} preshared key`,
  },
  {
    what: "a peer is kept alive",
    damage: (b: string) => configure(peerChange(b, u16Attribute(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, 25))),
    fault: () => `${ofPeer} keepalive`,
  },
  {
    what: "outer packets are marked",
    damage: () => configure(u32Attribute(WGDEVICE_A_FWMARK, 0xca)),
    fault: () => `${ofDevice} fwmark`,
  },
  {
    what: "the device listens at another port",
    damage: () => configure(u16Attribute(WGDEVICE_A_LISTEN_PORT, 51_999)),
    fault: () => `${ofDevice} port`,
  },
])
  test(`${what}: that is told and put back, and ${ends ? "the peer is called again" : "the session goes on"}`, async () => {
    const farKey = await nodes.connect();
    await host("ping -q -c 1 -W 5 10.244.2.1");
    const handshake = async (): Promise<number | undefined> =>
      (await nodes.kernel().wireguard.read("cw-wg"))?.peers.find(({ publicKey }) => publicKey === farKey)
        ?.lastHandshake;
    const before = await handshake();
    const repair = async (): Promise<readonly string[]> => {
      const { changes } = await nodes.kernel().wireguard.ensureDevice(PLAN);
      const planned = new Map([["b", peer({ publicKey: farKey })]]);
      const peers = await nodes.kernel().wireguard.ensurePeers("cw-wg", planned, ALL);
      return [...changes, ...peers].map((change) => change.fault);
    };
    assert.deepEqual(await repair(), []);
    await damage(farKey);
    assert.ok((await repair()).includes(fault()));
    assert.deepEqual(await repair(), []);
    await host("ping -q -c 1 -W 5 10.244.2.1; ping -q -c 1 -W 5 fd00:2::1");
    if (!ends) assert.equal(await handshake(), before);
  });
