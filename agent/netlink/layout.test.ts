import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  __LENGTH_Address,
  __LENGTH_Link,
  __LENGTH_Neighbor,
  __LENGTH_Route,
  HEADER_LENGTH,
} from "./package.ts";
import { cidrOf } from "../net/cidr.ts";
import { addAddress } from "./route/address.ts";
import { createBridge } from "./link/bridge.ts";
import { dumpConnections, markConnection } from "./state/conntrack.ts";
import { bindLogGroup } from "./state/packet-log.ts";
import * as constants from "./constants.ts";
import { ERRNO } from "./message/errno.ts";
import { GENERIC_HEADER_BYTES, getFamily } from "./generic/generic-family.ts";
import { createPlainLink, tryLinkKind } from "./link/plain-link.ts";
import { addAltNames, deleteLinkGroup, dumpLinks, setLink } from "./link/link.ts";
import { u32Bytes } from "./message/host-order.ts";
import { encodeBatch, type NetlinkRequest } from "./message/message.ts";
import { addFdbEntry, dumpFdb, getFdbEntry, replaceNeighbour } from "./route/neighbour.ts";
import { NFGENMSG_BYTES } from "./nft/nfgenmsg.ts";
import { changeElements } from "./nft/nft-elements.ts";
import { changeDevices } from "./nft/nft-flow-table.ts";
import { nftTransaction } from "./nft/table/nft-transaction.ts";
import * as declare from "./nft/table/nft-declarations.ts";
import * as expressions from "./nft/table/nft-expressions.ts";
import { addElements, deleteElements, flushElements } from "./nft/table/nft-set-elements.ts";
import { addIngress, replaceTokenBucket, tryQdisc } from "./route/qdisc.ts";
import { addRedirect, tryAction } from "./route/redirect.ts";
import { addRule, dumpRules, RULE_HEADER_BYTES } from "./route/rule.ts";
import { dumpRoutes, getRoute, replaceRoute } from "./route/route.ts";
import { TC_HEADER_BYTES } from "./route/tc-header.ts";
import { createVeth } from "./link/veth.ts";
import { addInboundBlock, countPolicies, deleteInboundBlock } from "./state/xfrm.ts";
import { createVxlan } from "./link/vxlan.ts";
import { dumpDevice, setDevice, setPeers, WIREGUARD_FAMILY } from "./wireguard/set-device.ts";

/** net/if.h, for IFF_UP, stands before the kernel's headers, which then do not define it again. */
const HEADERS = [
  "errno.h",
  "stddef.h",
  "stdio.h",
  "stdlib.h",
  "sys/socket.h",
  "arpa/inet.h",
  "net/if.h",
  "linux/ethtool_netlink.h",
  "linux/fib_rules.h",
  "linux/genetlink.h",
  "linux/if_addr.h",
  "linux/if_link.h",
  "linux/if_ether.h",
  "linux/ip.h",
  "linux/neighbour.h",
  "linux/netfilter.h",
  "linux/netfilter/nf_tables.h",
  "linux/netfilter/nf_tables_compat.h",
  "linux/netfilter/nfnetlink.h",
  "linux/netfilter/nfnetlink_conntrack.h",
  "linux/netfilter/nfnetlink_log.h",
  "linux/netlink.h",
  "linux/pkt_cls.h",
  "linux/pkt_sched.h",
  "linux/rtnetlink.h",
  "linux/tc_act/tc_mirred.h",
  "linux/veth.h",
  "linux/wireguard.h",
  "linux/xfrm.h",
];

/** C expressions and what we take them for. */
const WANT: Readonly<Record<string, number>> = {
  ...constants,
  ...Object.fromEntries(Object.entries(ERRNO).map(([number, [code]]) => [code, Number(number)])),
  "sizeof(struct nlmsghdr)": HEADER_LENGTH,
  "sizeof(struct nlmsgerr)": 4 + HEADER_LENGTH,
  "sizeof(struct ifinfomsg)": __LENGTH_Link,
  "sizeof(struct ifaddrmsg)": __LENGTH_Address,
  "sizeof(struct rtmsg)": __LENGTH_Route,
  "sizeof(struct ndmsg)": __LENGTH_Neighbor,
  "sizeof(struct fib_rule_hdr)": RULE_HEADER_BYTES,
  "sizeof(struct tcmsg)": TC_HEADER_BYTES,
  "sizeof(struct nfgenmsg)": NFGENMSG_BYTES,
  "sizeof(struct genlmsghdr)": GENERIC_HEADER_BYTES,
  "offsetof(struct ifaddrmsg, ifa_flags)": 2,
  "offsetof(struct rtmsg, rtm_src_len)": 2,
  "offsetof(struct rtmsg, rtm_protocol)": 5,
  "offsetof(struct rtmsg, rtm_scope)": 6,
  "offsetof(struct rtmsg, rtm_type)": 7,
  "offsetof(struct rtmsg, rtm_flags)": 8,
};

const hostMac = "fa:58:0a:f4:01:07";
const podMac = "0a:58:0a:f4:01:07";

/** The messages of layout.c. */
const block = { source: cidrOf("0.0.0.0", 0), destination: cidrOf("127.0.0.0", 8), priority: 42 };

const wireguard = { family: 31, name: "cw-wg" };

/** 32 bytes that count up. */
function wireguardKey(first: number): Buffer {
  return Buffer.from(Array.from({ length: constants.WG_KEY_LEN }, (_, index) => first + index));
}

const peerKey = (first: number): string => wireguardKey(first).toString("base64");

const table = { family: constants.NFPROTO_INET, table: "t" };

const flowTable = { table: "t", name: "established", priority: -5, devices: ["eth0", "eth1"] };

const everyExpression = [
  expressions.meta(constants.NFT_META_L4PROTO, 1),
  expressions.ct(constants.NFT_CT_MARK),
  expressions.sourceType(),
  expressions.payload({ base: constants.NFT_PAYLOAD_TRANSPORT_HEADER, offset: 2, length: 2 }, 2),
  expressions.maskBits(u32Bytes(6)),
  expressions.compare("!=", u32Bytes(0)),
  expressions.lookUp("s", true),
  expressions.lookUpVerdict("map"),
  expressions.counter(),
  expressions.limit(10, 20),
  expressions.log({ group: 99, prefix: "why", snapLength: 64 }),
  expressions.verdict({ kind: "goto", chain: "regular" }),
];

const transaction = nftTransaction({
  what: "change everything",
  generation: 77,
  bodies: [
    declare.createTable(table),
    declare.createChain(table, { name: "regular" }),
    declare.createChain(table, {
      name: "base",
      hook: { number: constants.NF_INET_POST_ROUTING, priority: -90 },
    }),
    declare.createSet(
      table,
      {
        name: "ranges",
        type: "ipv4_addr . inet_proto . inet_service",
        isInterval: true,
        isVerdictMap: false,
      },
      1,
    ),
    declare.createSet(table, { name: "map", type: "ipv6_addr", isInterval: false, isVerdictMap: true }, 2),
    ...addElements({ ...table, set: "ranges" }, [
      {
        key: Uint8Array.of(10, 0, 0, 0, 6, 0, 0, 0, 0, 80, 0, 0),
        keyEnd: Uint8Array.of(10, 0, 0, 255, 6, 0, 0, 0, 0, 90, 0, 0),
      },
    ]),
    ...addElements({ ...table, set: "map" }, [
      { key: Uint8Array.of(10, 0, 0, 1), verdict: { kind: "jump", chain: "regular" } },
    ]),
    ...deleteElements({ ...table, set: "spans" }, [{ key: Uint8Array.of(10, 0, 1, 0), isEnd: true }]),
    declare.appendRule(table, { chain: "base", expressions: everyExpression, comment: "c1" }),
    declare.deleteRules(table, "base"),
    declare.deleteChain(table, "base"),
    flushElements({ ...table, set: "map" }),
    declare.deleteSet(table, "map"),
    declare.deleteTable(table),
  ],
});

const MESSAGES: Readonly<Record<string, NetlinkRequest>> = {
  veth: createVeth({
    host: { name: "cwhost", mac: hostMac, mtu: 1450, index: 42, master: 3, group: 99 },
    peer: { name: "eth0", mac: podMac, mtu: 1450, index: 43, up: true, netns: 20 },
  }),
  bridge: createBridge({
    name: "cw0",
    mac: hostMac,
    mtu: 1500,
    multicastSnooping: false,
    ageingTimeMs: 300_000,
  }),
  vxlan: createVxlan({
    name: "cw-vx",
    mac: hostMac,
    mtu: 1450,
    group: 99,
    vni: 4096,
    port: 4789,
    local: "192.0.2.1",
    learning: false,
  }),
  port: setLink(42, {
    up: true,
    alias: "hello",
    bridgePort: {
      isolated: true,
      learning: false,
      unicastFlood: false,
      multicastFlood: false,
      broadcastFlood: false,
      hairpin: true,
      neighSuppress: true,
    },
    inetConf: { forwarding: 1, rp_filter: 2 },
    addrGenMode: constants.IN6_ADDR_GEN_MODE_NONE,
  }),
  deleteGroup: deleteLinkGroup(99),
  dumpLinks: dumpLinks({ master: 3, kind: "veth" }),
  address: addAddress({
    linkIndex: 42,
    address: "fd00::7",
    prefixLength: 128,
    scope: "link",
    noDad: true,
    noPrefixRoute: true,
    deprecated: true,
    protocol: 99,
  }),
  route: replaceRoute({
    destination: cidrOf("10.244.2.0", 24),
    gateway: "192.0.2.7",
    linkIndex: 42,
    scope: "site",
    protocol: 99,
    table: 1000,
    source: "192.0.2.1",
    metric: 50,
    mtu: 1400,
    onlink: true,
  }),
  dumpRoutes: dumpRoutes({ family: 6, table: constants.RT_TABLE_MAIN, protocol: 99, linkIndex: 42 }),
  getRoute: getRoute({ destination: "10.244.2.7", source: "10.244.1.5", inputLink: 3 }, "entry"),
  rule: addRule({ source: "10.244.1.7", table: 1_000_003, priority: 25_463, protocol: 99 }),
  dumpRules: dumpRules(6),
  neighbour: replaceNeighbour({ linkIndex: 3, address: "10.244.1.7", mac: podMac }),
  fdbMaster: addFdbEntry({ linkIndex: 42, mac: podMac, owner: "master" }),
  fdbSelf: addFdbEntry({ linkIndex: 42, mac: podMac, owner: "self", destination: "fd00::9" }),
  dumpFdb: dumpFdb({ linkIndex: 42, masterIndex: 3 }),
  getFdbSelf: getFdbEntry({ linkIndex: 42, mac: podMac, owner: "self" }),
  getFdbMaster: getFdbEntry({ linkIndex: 3, mac: podMac, owner: "master" }),
  ifb: createPlainLink({ kind: "ifb", name: "cihost", index: 44, mtu: 1450, group: 99 }),
  tbf: replaceTokenBucket(44, { rate: 12_500_000_000, burst: 20_000, limit: 70_000 }),
  ingress: addIngress(42),
  redirect: addRedirect(42, 44),
  altNames: addAltNames(42, ["cwhost.tcp.8080.80", "cwhost.in.1000000.8000"]),
  elements: changeElements({
    table: "causeway",
    verb: "add",
    elements: [
      {
        family: "inet",
        set: "addressports4",
        key: [Uint8Array.of(192, 0, 2, 1), Uint8Array.of(6), Uint8Array.of(8080 >> 8, 8080 & 255)],
        data: [Uint8Array.of(10, 244, 1, 7), Uint8Array.of(0, 80)],
        comment: "c1",
      },
    ],
  }),
  transaction,
  addDevices: changeDevices(table, "add", flowTable),
  deleteDevices: changeDevices(table, "delete", flowTable),
  dumpConnections: dumpConnections({ family: 4, protocol: 17, destinationPort: 8080 }),
  markConnection: markConnection(
    {
      family: 4,
      protocol: 17,
      source: "10.244.1.2",
      destination: "10.244.1.3",
      destinationPort: 53,
      replySource: "10.244.1.3",
      replyPort: 53,
      mark: 0,
      key: { tuple: Buffer.from([1, 2, 3, 4]), id: Buffer.alloc(4), zone: Buffer.from([0, 7]) },
    },
    { value: 0x08000000, mask: 0x08000000 },
  ),
  bindLogGroup: bindLogGroup(6371, { copyBytes: 64, delayMs: 200 }),
  wireguardFamily: getFamily(WIREGUARD_FAMILY),
  wireguardLink: createPlainLink({ kind: "wireguard", name: "cw-wg", mtu: 1440, group: 99 }),
  wireguardDevice: setDevice(wireguard, { privateKey: wireguardKey(9), port: 51_820, fwmark: 7 }),
  wireguardPeers: onlyOne(
    setPeers(wireguard, [
      {
        publicKey: peerKey(1),
        endpoint: { address: "192.0.2.7", port: 51_820 },
        replaceAllowedIps: true,
        allowedIps: [cidrOf("10.244.2.0", 24), cidrOf("fd00:2::", 64)],
      },
      { publicKey: peerKey(2), endpoint: { address: "2001:db8::7", port: 51_821 } },
      { publicKey: peerKey(3), remove: true },
      { publicKey: peerKey(4), calls: true },
      { publicKey: peerKey(5), clearsExtras: true },
    ]),
  ),
  dumpWireguard: dumpDevice(wireguard),
  addInboundBlock: addInboundBlock(block),
  deleteInboundBlock: deleteInboundBlock(block),
  tryLinkKind: tryLinkKind("vxlan"),
  tryQdisc: tryQdisc("tbf"),
  tryAction: tryAction("mirred"),
  countPolicies: countPolicies(),
};

function onlyOne(requests: readonly NetlinkRequest[]): NetlinkRequest {
  const [request] = requests;
  assert.ok(request !== undefined && requests.length === 1);
  return request;
}

function source(): string {
  const includes = HEADERS.map((header) => `#include <${header}>`);
  const prints = Object.keys(WANT).map(
    (name) => `printf("constant %s\\t%ld\\n", "${name}", (long)(${name}));`,
  );
  const program = readFileSync(new URL("layout.c", import.meta.url), "utf8");
  return [...includes, "static void print_constants(void)\n{", ...prints, "}", program].join("\n");
}

/** What the C program printed: constants by name, messages by name in hexadecimal. */
function compileAndRun() {
  const folder = mkdtempSync(join(tmpdir(), "layout-"));
  try {
    const program = join(folder, "layout");
    writeFileSync(`${program}.c`, source());
    execFileSync("gcc", ["-Wall", "-Wextra", "-Werror", "-o", program, `${program}.c`], { stdio: "pipe" });
    const lines = execFileSync(program, { encoding: "utf8" }).trim().split("\n");
    const read = (kind: string, separator: string) =>
      lines
        .filter((line) => line.startsWith(`${kind} `))
        .map((line) => line.slice(kind.length + 1).split(separator) as [string, string]);
    return {
      constants: Object.fromEntries(read("constant", "\t").map(([name, value]) => [name, Number(value)])),
      messages: Object.fromEntries(read("message", " ")),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const kernel = compileAndRun();

test("constants, error numbers and layouts are those of the kernel's headers", () => {
  assert.deepEqual(kernel.constants, { ...WANT });
});

test("encodeBatch() is compared for every message of layout.c", () => {
  assert.deepEqual(Object.keys(kernel.messages).toSorted(), Object.keys(MESSAGES).toSorted());
});

for (const [name, request] of Object.entries(MESSAGES)) {
  test(`encodeBatch() writes the bytes that the kernel's macros write: ${name}`, () => {
    assert.equal(encodeBatch([request], 7).toString("hex"), kernel.messages[name]);
  });
}
