import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cidrOf } from "../../net/cidr.ts";
import { isThorough } from "../../testing/thorough.ts";
import { addAddress, parseAddress } from "../route/address.ts";
import {
  type Attribute,
  attribute,
  nested,
  textAttribute,
  u16Attribute,
  u16NetworkAttribute,
  u32NetworkAttribute,
  u8Attribute,
} from "./attributes.ts";
import { endKeys, hasEndIn, parseConnection, readMark } from "../state/connection.ts";
import { readLoggedPacket } from "../state/packet-log.ts";
import {
  AF_INET,
  CTRL_ATTR_FAMILY_ID,
  CTA_ID,
  CTA_IP_V4_DST,
  CTA_IP_V4_SRC,
  CTA_PROTO_DST_PORT,
  CTA_PROTO_NUM,
  CTA_TUPLE_IP,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  CTA_TUPLE_REPLY,
  NDA_CACHEINFO,
  NFNL_SUBSYS_ULOG,
  NFULA_PAYLOAD,
  NFULA_PREFIX,
  NFPROTO_INET,
  NFTA_CHAIN_HOOK,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_POLICY,
  NFTA_HOOK_PRIORITY,
  NFTA_COUNTER_PACKETS,
  NFTA_OBJ_DATA,
  NFTA_OBJ_NAME,
  NFTA_OBJ_TYPE,
  NFTA_RULE_CHAIN,
  NFTA_RULE_USERDATA,
  NFTA_SET_FLAGS,
  NFTA_SET_KEY_TYPE,
  NFTA_SET_NAME,
  NFTA_TABLE_FLAGS,
} from "../constants.ts";
import { nfgenmsg } from "../nft/nfgenmsg.ts";
import { writeComment } from "../nft/nft-comment.ts";
import { getElement, parseElements } from "../nft/nft-listed-elements.ts";
import { parseChain, parseObject, parseRule, parseSet, parseTableFlags } from "../nft/nft-objects.ts";
import { parseQdisc, replaceTokenBucket } from "../route/qdisc.ts";
import { addRedirect, parseRedirect } from "../route/redirect.ts";
import { setLink } from "../link/link.ts";
import { MalformedMessageError } from "./malformed-message-error.ts";
import {
  addFdbEntry,
  addNeighbour,
  parseFdbEntry,
  parseNeighbour,
  parseNeighbourAge,
} from "../route/neighbour.ts";
import { parseLink } from "../link/parse-link.ts";
import { addRoute, parseRoute } from "../route/route.ts";
import { createVeth } from "../link/veth.ts";
import { genericHeader, parseFamily } from "../generic/generic-family.ts";
import { parseDevice } from "../wireguard/parse-device.ts";
import { setPeers } from "../wireguard/set-device.ts";

const mac = "0a:58:0a:f4:01:07";
const end = { name: "eth0", mac, mtu: 1500, index: 9 };

/** Good payloads to damage: purely random bytes seldom get past the first length. */
const cases: readonly {
  readonly parse: (payload: Buffer) => unknown;
  readonly good: readonly (readonly Uint8Array[])[];
}[] = [
  {
    parse: parseLink,
    good: [
      createVeth({ host: { ...end, master: 3, group: 1 }, peer: { ...end, netns: 4 } }).payload,
      setLink("eth0", { bridgePort: { isolated: true, learning: false }, addrGenMode: 1 }).payload,
      setLink("eth0", { inetConf: { forwarding: 1 } }).payload,
    ],
  },
  {
    parse: parseAddress,
    good: [addAddress({ linkIndex: 1, address: "fd00::7", prefixLength: 128, noDad: true }).payload],
  },
  {
    parse: parseRoute,
    good: [
      addRoute({ destination: cidrOf("10.0.0.0", 8), gateway: "192.0.2.1", protocol: 99, mtu: 1400 }).payload,
    ],
  },
  {
    parse: parseNeighbourAge,
    good: [
      [
        ...addNeighbour({ linkIndex: 1, address: "10.0.0.1", mac }).payload,
        ...attribute(NDA_CACHEINFO, Buffer.alloc(16)),
      ],
    ],
  },
  { parse: parseNeighbour, good: [addNeighbour({ linkIndex: 1, address: "10.0.0.1", mac }).payload] },
  {
    parse: parseFdbEntry,
    good: [addFdbEntry({ linkIndex: 1, mac, owner: "self", destination: "fd00::7" }).payload],
  },
  {
    parse: parseQdisc,
    good: [replaceTokenBucket(1, { rate: 12_500_000_000, burst: 9000, limit: 9000 }).payload],
  },
  {
    parse: (payload: Buffer) => parseDevice([payload]),
    good: setPeers({ family: 31, name: "cw-wg" }, [
      {
        publicKey: Buffer.alloc(32, 7).toString("base64"),
        endpoint: { address: "192.0.2.1", port: 51_820 },
        allowedIps: [cidrOf("10.0.0.0", 8)],
      },
    ]).map(({ payload }) => payload),
  },
  { parse: parseFamily, good: [[genericHeader(3), ...u16Attribute(CTRL_ATTR_FAMILY_ID, 31)]] },
  { parse: parseRedirect, good: [addRedirect(1, 2).payload] },
  {
    parse: (payload: Buffer) => [
      readMark(payload),
      hasEndIn(payload, endKeys(["10.244.1.2", "fd00::2"])),
      parseConnection(payload),
    ],
    good: [
      [
        nfgenmsg(AF_INET),
        ...nested(CTA_TUPLE_ORIG, tuple()),
        ...nested(CTA_TUPLE_REPLY, tuple()),
        ...attribute(CTA_ID, Buffer.alloc(4)),
      ],
    ],
  },
  {
    parse: (payload: Buffer) =>
      readLoggedPacket({ type: NFNL_SUBSYS_ULOG << 8, flags: 0, seq: 0, port: 0, payload }),
    good: [
      [
        nfgenmsg(AF_INET),
        ...attribute(NFULA_PAYLOAD, Buffer.alloc(20)),
        ...textAttribute(NFULA_PREFIX, "in4-abc"),
      ],
    ],
  },
  { parse: parseTableFlags, good: [[nfgenmsg(NFPROTO_INET), ...u32NetworkAttribute(NFTA_TABLE_FLAGS, 1)]] },
  {
    parse: parseSet,
    good: [
      [
        nfgenmsg(NFPROTO_INET),
        ...textAttribute(NFTA_SET_NAME, "inside4"),
        ...u32NetworkAttribute(NFTA_SET_FLAGS, 4),
        ...u32NetworkAttribute(NFTA_SET_KEY_TYPE, 7),
      ],
    ],
  },
  {
    parse: parseChain,
    good: [
      [
        nfgenmsg(NFPROTO_INET),
        ...textAttribute(NFTA_CHAIN_NAME, "output"),
        ...nested(NFTA_CHAIN_HOOK, u32NetworkAttribute(NFTA_HOOK_PRIORITY, -300)),
        ...u32NetworkAttribute(NFTA_CHAIN_POLICY, 1),
      ],
    ],
  },
  {
    parse: parseRule,
    good: [
      [
        nfgenmsg(NFPROTO_INET),
        ...textAttribute(NFTA_RULE_CHAIN, "output"),
        ...attribute(NFTA_RULE_USERDATA, writeComment("redirect4 203af30f1786468a")),
      ],
    ],
  },
  {
    parse: parseObject,
    good: [
      [
        nfgenmsg(NFPROTO_INET),
        ...textAttribute(NFTA_OBJ_NAME, "overlay-pod"),
        ...u32NetworkAttribute(NFTA_OBJ_TYPE, 1),
        ...nested(NFTA_OBJ_DATA, attribute(NFTA_COUNTER_PACKETS, Buffer.alloc(8))),
      ],
    ],
  },
  {
    parse: parseElements,
    good: [getElement({ family: 1, table: "causeway", set: "pods4" }, [Uint8Array.of(10, 0, 0, 1)]).payload],
  },
];

function tuple(): Attribute {
  const address = Uint8Array.of(192, 0, 2, 1);
  return [
    ...nested(CTA_TUPLE_IP, attribute(CTA_IP_V4_SRC, address), attribute(CTA_IP_V4_DST, address)),
    ...nested(CTA_TUPLE_PROTO, u8Attribute(CTA_PROTO_NUM, 17), u16NetworkAttribute(CTA_PROTO_DST_PORT, 53)),
  ];
}

/** Of the values of a single byte unit tests try some, `npm run test:fuzz` all. */
const VALUE_STEP = isThorough ? 1 : 15;

/**
 * Two or more bytes at once; changes of a single byte are tried without chance. Small values are often
 * lengths.
 */
const changes = fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.nat(16))), {
  minLength: 2,
  maxLength: 5,
});

for (const { parse, good } of cases) {
  test(`${parse.name}() reads damaged, truncated and random bytes or throws the named error`, () => {
    const outcomes = { read: 0, refused: 0 };
    const attempt = (payload: Buffer): void => {
      try {
        parse(payload);
        outcomes.read += 1;
      } catch (error) {
        assert.ok(error instanceof MalformedMessageError, String(error));
        outcomes.refused += 1;
      }
    };
    for (const pieces of good) {
      const payload = Buffer.concat(pieces);
      for (let cut = 0; cut <= payload.length; cut += 1) attempt(payload.subarray(0, cut));
      for (let offset = 0; offset < payload.length; offset += 1)
        for (let value = 0; value < 256; value += VALUE_STEP)
          attempt(Buffer.from(payload).fill(value, offset, offset + 1));
    }
    fc.assert(
      fc.property(fc.constantFrom(...good), changes, fc.uint8Array(), (pieces, edits, random) => {
        const payload = Buffer.concat(pieces);
        for (const [offset, value] of edits) payload[offset % payload.length] = value;
        attempt(payload);
        attempt(Buffer.from(random));
      }),
    );
    assert.ok(outcomes.read > 0 && outcomes.refused > 0, JSON.stringify(outcomes));
  });
}
