import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { macFromBytes } from "../../net/mac.ts";
import { attribute, nested, readAttributes, textAttribute, u32Attribute } from "../message/attributes.ts";
import { type BridgePort, createBridge } from "./bridge.ts";
import { AF_BRIDGE, AF_INET, IFLA_AF_SPEC, IFLA_IFNAME, IFLA_INET_CONF, NLM_F_CREATE } from "../constants.ts";
import { deleteLink, deleteLinkGroup, getLink, setLink } from "./link.ts";
import type { NetlinkRequest } from "../message/message.ts";
import { type Link, parseLink } from "./parse-link.ts";
import { createVeth } from "./veth.ts";

function payloadOf(request: NetlinkRequest): Buffer {
  return Buffer.concat(request.payload);
}

/**
 * The link that a message tells of; one that names no link gets a name, as every message of the kernel has
 * one.
 */
function told(request: NetlinkRequest, name?: string): Link {
  const named = name === undefined ? [] : textAttribute(IFLA_IFNAME, name);
  return parseLink(Buffer.concat([payloadOf(request), ...named]));
}

const unsaid: Omit<Link, "name"> = {
  index: 0,
  kind: undefined,
  mac: undefined,
  mtu: 0,
  up: false,
  lowerUp: false,
  loopback: false,
  pointToPoint: false,
  hasNeighbours: false,
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
  inetConf: undefined,
};

const index = fc.integer({ min: 1, max: 0x7fffffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const ifname = fc.stringMatching(/^[a-z0-9.-]{1,15}$/);
const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(macFromBytes);
const end = fc.record({
  name: ifname,
  mac,
  mtu: fc.integer({ min: 68, max: 65535 }),
  index,
  up: fc.boolean(),
});

test("createVeth() writes what parseLink() reads: the host end", () => {
  fc.assert(
    fc.property(end, end, index, u32, (host, peer, master, group) => {
      const request = createVeth({ host: { ...host, master, group }, peer: { ...peer, netns: 5 } });
      assert.deepEqual(told(request), {
        ...unsaid,
        ...host,
        hasNeighbours: true,
        kind: "veth",
        masterIndex: master,
        group,
      });
    }),
  );
});

test("createBridge() writes what parseLink() reads", () => {
  fc.assert(
    fc.property(ifname, mac, u32, fc.boolean(), (name, address, group, multicastSnooping) => {
      const request = createBridge({ name, mac: address, mtu: 1450, group, multicastSnooping });
      assert.deepEqual(told(request), {
        ...unsaid,
        name,
        mac: address,
        mtu: 1450,
        group,
        kind: "bridge",
        bridgeSettings: { forwardDelay: 0, spanningTree: 0, multicastSnooping: Number(multicastSnooping) },
        hasNeighbours: true,
      });
    }),
  );
});

const port: fc.Arbitrary<BridgePort> = fc.record(
  {
    isolated: fc.boolean(),
    learning: fc.boolean(),
    unicastFlood: fc.boolean(),
    multicastFlood: fc.boolean(),
    broadcastFlood: fc.boolean(),
    hairpin: fc.boolean(),
    neighSuppress: fc.boolean(),
  },
  { requiredKeys: [], noNullPrototype: true },
);

test("setLink() writes what parseLink() reads", () => {
  // The kernel gives an alias back with a NUL that it does not want to get.
  const change = fc.record({
    up: fc.boolean(),
    mac,
    mtu: u32,
    master: u32,
    group: u32,
    addrGenMode: fc.nat(3),
  });
  fc.assert(
    fc.property(index, change, port, (link, { master, ...values }, bridgePort) => {
      const request = setLink(link, { master, bridgePort, ...values });
      const want = {
        ...unsaid,
        name: "x",
        index: link,
        masterIndex: master,
        bridgePort,
        hasNeighbours: true,
        ...values,
      };
      assert.deepEqual(told(request, "x"), want);
    }),
  );
});

test("setLink() creates nothing", () => {
  assert.equal(setLink("cw0", { up: true }).flags & NLM_F_CREATE, 0);
});

test("setLink() leaves up or down as it is unless told", () => {
  assert.deepEqual([...payloadOf(setLink(7, {})).subarray(8, 16)], [0, 0, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual([...payloadOf(setLink(7, { up: true })).subarray(8, 16)], [1, 0, 0, 0, 1, 0, 0, 0]);
  assert.deepEqual([...payloadOf(setLink(7, { up: false })).subarray(8, 16)], [0, 0, 0, 0, 1, 0, 0, 0]);
});

test("setLink() writes IPv4 settings by their index", () => {
  const payload = payloadOf(setLink(7, { inetConf: { forwarding: 1, rp_filter: 2 } }));
  const families = readAttributes("test", readAttributes("test", payload.subarray(16)).get(IFLA_AF_SPEC));
  const conf = readAttributes("test", families.get(AF_INET)).get(IFLA_INET_CONF);
  assert.deepEqual(conf, Buffer.concat([...u32Attribute(1, 1), ...u32Attribute(8, 2)]));
});

test("parseLink() reads IPv4 settings from the kernel's array, also from a shorter one", () => {
  const array = Buffer.alloc(4 * 8);
  array.writeInt32LE(1, 0);
  array.writeInt32LE(-1, 4 * 7);
  const conf = nested(AF_INET, attribute(IFLA_INET_CONF, array));
  const payload = Buffer.concat([...setLink(7, {}).payload, ...nested(IFLA_AF_SPEC, conf)]);
  const link = parseLink(Buffer.concat([payload, ...textAttribute(IFLA_IFNAME, "x")]));
  assert.deepEqual(link.inetConf, {
    forwarding: 1,
    proxy_arp: 0,
    accept_redirects: 0,
    secure_redirects: 0,
    send_redirects: 0,
    rp_filter: -1,
  });
});

test("parseLink() takes the VLANs in a bridge's message about its port for no IPv4 settings", () => {
  // struct bridge_vlan_info of VLAN 1, untagged and the port's own. IFLA_BRIDGE_VLAN_INFO has the number of
  // AF_INET.
  const vlan = attribute(2, Buffer.from([6, 0, 1, 0]));
  const header = Buffer.concat(setLink(7, {}).payload);
  header[0] = AF_BRIDGE;
  const message = [header, ...textAttribute(IFLA_IFNAME, "x"), ...nested(IFLA_AF_SPEC, vlan)];
  const link = parseLink(Buffer.concat(message));
  assert.deepEqual([link.index, link.name, link.inetConf], [7, "x", undefined]);
});

test("deleteLinkGroup() refuses group 0, in which every link of the machine is", () => {
  for (const group of [0, -1, 1.5, 2 ** 32, Number.NaN]) {
    assert.throws(() => deleteLinkGroup(group), RangeError);
  }
  assert.equal(told(deleteLinkGroup(9), "x").group, 9);
});

test("deleteLink() and getLink() name one link, by index or by name", () => {
  assert.equal(told(deleteLink("cw0")).name, "cw0");
  assert.equal(told(getLink(12), "x").index, 12);
  assert.equal(deleteLink("cw0").what, 'delete link "cw0"');
  assert.equal(deleteLink(4).what, "delete link 4");
});
