import assert from "node:assert/strict";
import { test } from "node:test";
import { type Cidr, cidrOf, formatCidr } from "../../net/cidr.ts";
import {
  AF_INET,
  WG_CMD_GET_DEVICE,
  WGALLOWEDIP_A_CIDR_MASK,
  WGALLOWEDIP_A_FAMILY,
  WGALLOWEDIP_A_IPADDR,
  WGDEVICE_A_FWMARK,
  WGDEVICE_A_LISTEN_PORT,
  WGDEVICE_A_PEERS,
  WGDEVICE_A_PRIVATE_KEY,
  WGDEVICE_A_PUBLIC_KEY,
  WGPEER_A_ALLOWEDIPS,
  WGPEER_A_ENDPOINT,
  WGPEER_A_LAST_HANDSHAKE_TIME,
  WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL,
  WGPEER_A_PRESHARED_KEY,
  WGPEER_A_PUBLIC_KEY,
  WGPEER_A_RX_BYTES,
  WGPEER_A_TX_BYTES,
} from "../constants.ts";
import { genericHeader } from "../generic/generic-family.ts";
import { addressToBytes } from "../../net/address.ts";
import {
  type Attribute,
  attribute,
  nested,
  u16Attribute,
  u32Attribute,
  u64Attribute,
  u8Attribute,
} from "../message/attributes.ts";
import { messageBytes } from "../message/message.ts";
import { writeEndpoint } from "./endpoint.ts";
import { parseDevice } from "./parse-device.ts";
import { setDevice, setPeers } from "./set-device.ts";

const key = (first: number): Buffer => Buffer.alloc(32, first);
const base64 = (first: number): string => key(first).toString("base64");
const target = { family: 31, name: "cw-wg" };

const payload = (...attributes: readonly Attribute[]): Buffer =>
  Buffer.concat([genericHeader(WG_CMD_GET_DEVICE), ...attributes.flat()]);

function allowedIps(...cidrs: readonly Cidr[]): Attribute {
  const items = cidrs.map(({ base, prefixLength }) =>
    nested(
      0,
      u16Attribute(WGALLOWEDIP_A_FAMILY, AF_INET),
      attribute(WGALLOWEDIP_A_IPADDR, addressToBytes(base)),
      u8Attribute(WGALLOWEDIP_A_CIDR_MASK, prefixLength),
    ),
  );
  return nested(WGPEER_A_ALLOWEDIPS, ...items);
}

const wholePeer = nested(
  0,
  attribute(WGPEER_A_PUBLIC_KEY, key(2)),
  attribute(WGPEER_A_ENDPOINT, writeEndpoint({ address: "2001:db8::7", port: 51_821 })),
  attribute(
    WGPEER_A_LAST_HANDSHAKE_TIME,
    Buffer.concat(
      [...u64Attribute(0, 1_800_000_000)].map((bytes) =>
        Buffer.concat([bytes.subarray(4), Buffer.alloc(8, 9)]),
      ),
    ),
  ),
  u64Attribute(WGPEER_A_RX_BYTES, 5_000_000_000),
  u64Attribute(WGPEER_A_TX_BYTES, 7),
  allowedIps(cidrOf("10.244.2.0", 24)),
);

test("parseDevice() joins a dump in parts, where a peer goes on in the next message", () => {
  const more = nested(0, attribute(WGPEER_A_PUBLIC_KEY, key(2)), allowedIps(cidrOf("10.244.3.0", 24)));
  const bare = nested(0, attribute(WGPEER_A_PUBLIC_KEY, key(3)));
  const head = [
    attribute(WGDEVICE_A_PUBLIC_KEY, key(1)),
    u16Attribute(WGDEVICE_A_LISTEN_PORT, 51_820),
  ] as const;
  const device = parseDevice([
    payload(...head, nested(WGDEVICE_A_PEERS, wholePeer)),
    payload(nested(WGDEVICE_A_PEERS, more, bare)),
  ]);
  assert.deepEqual(device, {
    publicKey: base64(1),
    port: 51_820,
    fwmark: 0,
    peers: [
      {
        publicKey: base64(2),
        endpoint: { address: "2001:db8::7", port: 51_821 },
        allowedIps: [cidrOf("10.244.2.0", 24), cidrOf("10.244.3.0", 24)],
        lastHandshake: 1_800_000_000,
        receivedBytes: 5_000_000_000,
        sentBytes: 7,
      },
      {
        publicKey: base64(3),
        endpoint: undefined,
        allowedIps: [],
        lastHandshake: 0,
        receivedBytes: 0,
        sentBytes: 0,
      },
    ],
  });
});

test("parseDevice() gives a device without key or peers, and undefined without a device", () => {
  assert.deepEqual(parseDevice([payload()]), { publicKey: undefined, port: 0, fwmark: 0, peers: [] });
  assert.equal(parseDevice([]), undefined);
});

test("parseDevice() tells what a device and a peer have that the agent gives none, and leaves no byte of a preshared key", () => {
  const marked = nested(
    0,
    attribute(WGPEER_A_PUBLIC_KEY, key(2)),
    attribute(WGPEER_A_PRESHARED_KEY, key(0xab)),
    u16Attribute(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, 25),
  );
  const usual = nested(
    0,
    attribute(WGPEER_A_PUBLIC_KEY, key(3)),
    attribute(WGPEER_A_PRESHARED_KEY, key(0)),
    u16Attribute(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, 0),
  );
  const bytes = payload(u32Attribute(WGDEVICE_A_FWMARK, 51), nested(WGDEVICE_A_PEERS, marked, usual));
  const device = parseDevice([bytes]);
  assert.equal(device?.fwmark, 51);
  assert.deepEqual(
    device?.peers.map(({ extras }) => extras),
    [["preshared key", "keepalive"], undefined],
  );
  assert.equal(bytes.includes(0xab), false);
});

test("parseDevice() leaves no byte of the private key in what was read", () => {
  const bytes = payload(
    attribute(WGDEVICE_A_PRIVATE_KEY, key(0xab)),
    attribute(WGDEVICE_A_PUBLIC_KEY, key(1)),
  );
  assert.equal(bytes.includes(0xab), true);
  assert.equal(parseDevice([bytes])?.publicKey, base64(1));
  assert.equal(bytes.includes(0xab), false);
});

test("setPeers() splits what is too long for the 16 bits of an attribute's length, and keeps the order", () => {
  const changes = Array.from({ length: 1000 }, (_, index) => ({
    publicKey: Buffer.alloc(32, `peer ${index}`).toString("base64"),
    endpoint: { address: "2001:db8::7", port: 51_820 },
    replaceAllowedIps: true,
    allowedIps: [cidrOf(`10.${index >> 8}.${index & 255}.0`, 24), cidrOf("fd00:2::", 64)],
  }));
  const requests = setPeers(target, changes);
  assert.ok(requests.length > 1);
  for (const request of requests) assert.ok(messageBytes(request) < 0xffff);
  const peers = requests.flatMap(({ payload: pieces }) => parseDevice([Buffer.concat(pieces)])?.peers ?? []);
  const told = peers.map(({ publicKey, endpoint, allowedIps: prefixes }) => {
    return { publicKey, endpoint, replaceAllowedIps: true, allowedIps: prefixes };
  });
  assert.deepEqual(told, changes);
});

test("setPeers() sends a peer with more prefixes than fit in pieces, all of them", () => {
  const prefixes = Array.from({ length: 3000 }, (_, index) =>
    cidrOf(`10.${index >> 8}.${index & 255}.0`, 24),
  );
  const requests = setPeers(target, [
    { publicKey: base64(2), replaceAllowedIps: true, allowedIps: prefixes },
  ]);
  for (const request of requests) assert.ok(messageBytes(request) < 0xffff);
  const [peer, ...others] =
    parseDevice(requests.map(({ payload: pieces }) => Buffer.concat(pieces)))?.peers ?? [];
  assert.deepEqual(others, []);
  assert.deepEqual(peer?.allowedIps.map(formatCidr), prefixes.map(formatCidr));
});

test("setPeers() sends nothing when nothing changes", () => {
  assert.deepEqual(setPeers(target, []), []);
});

for (const text of ["", "AAAA", Buffer.alloc(33).toString("base64"), `${base64(1)} `]) {
  test(`setPeers() refuses the key "${text}"`, () => {
    assert.throws(() => setPeers(target, [{ publicKey: text }]), /^RangeError: Cannot use WireGuard key "/);
  });
}

test("setDevice() is secret with a private key, and says nothing of it", () => {
  const request = setDevice(target, { privateKey: key(0xab), port: 51_820 });
  assert.equal(request.isSecret, true);
  assert.equal(request.what, 'configure WireGuard device "cw-wg"');
  assert.equal(setDevice(target, { port: 51_820 }).isSecret, false);
});
