import assert from "node:assert/strict";
import { test } from "node:test";
import { ascii, checksum, hex } from "./bytes.ts";
import { arp, ETHERTYPE, ethernet, tagged } from "./ethernet.ts";
import { icmp, ip, PROTOCOL, udp } from "./ip.ts";
import { neighbourAdvertisement } from "./neighbour-discovery.ts";
import { vxlan } from "./vxlan.ts";

test("checksum() is that of RFC 1071, section 3", () => {
  assert.equal(checksum(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7)), ~0xddf2 & 0xffff);
});

test("ip() writes an IPv4 header whose checksum is right, with options in words", () => {
  const header = { source: "192.0.2.1", destination: "192.0.2.2", protocol: PROTOCOL.udp };
  const packet = ip({ ...header, options: Uint8Array.of(1, 1, 1, 0) }, ascii("x"));
  assert.equal(packet[0], 0x46);
  assert.equal(packet[3], 25);
  assert.equal(checksum(packet.subarray(0, 24)), 0);
});

test("udp() and icmp() have checksums over their pseudo headers", () => {
  const ends = { source: "fd00::1", destination: "fd00::2" };
  const pseudo = (packet: Uint8Array, next: number): Uint8Array => {
    const payload = packet.subarray(40);
    return Uint8Array.of(...packet.subarray(8, 40), 0, 0, 0, payload.length, 0, 0, 0, next, ...payload);
  };
  assert.equal(checksum(pseudo(udp(ends, { from: 1, to: 2 }, ascii("odd")), PROTOCOL.udp)), 0);
  assert.equal(checksum(pseudo(icmp(ends, { type: 128, body: ascii("1234") }), PROTOCOL.icmp6)), 0);
});

test("tagged() puts tags behind both addresses", () => {
  const frame = ethernet(
    { destination: "02:00:00:00:00:01", source: "02:00:00:00:00:02", type: ETHERTYPE.ipv4 },
    ascii("x"),
  );
  const tags = [
    { type: ETHERTYPE.qinq, id: 5 },
    { type: ETHERTYPE.vlan, id: 7 },
  ];
  assert.equal(hex(tagged(frame, tags)), "02000000000102000000000288a8000581000007080078");
});

test("arp() is the frame of RFC 826", () => {
  const mac = "02:00:00:00:00:01";
  const fields = { senderMac: mac, sender: "10.0.0.1", targetMac: "00:00:00:00:00:00", target: "10.0.0.2" };
  assert.equal(
    hex(arp({ operation: "request", ...fields })),
    "00010800060400010200000000010a0000010000000000000a000002",
  );
});

test("neighbourAdvertisement() comes with hop limit 255 and overrides", () => {
  const packet = neighbourAdvertisement({ address: "fd00::1", mac: "02:00:00:00:00:01" });
  assert.equal(packet[7], 255);
  assert.equal(packet[40], 136);
  assert.equal(packet[44], 0x20);
  assert.equal(hex(packet.subarray(-8)), "0201020000000001");
});

test("vxlan() has the header of RFC 7348, and the MACs of both nodes' devices", () => {
  const packet = udp({ source: "10.0.0.1", destination: "10.0.0.2" }, { from: 1, to: 2 }, ascii("x"));
  const data = vxlan({ from: "192.0.2.1", to: "192.0.2.2" }, packet);
  assert.equal(hex(data.subarray(0, 22)), "08000000001000000a58c00002020a58c00002010800");
});
