import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseAddress } from "../../net/address.ts";
import { fakeKey } from "../../testing/cluster/fake-wireguard.ts";
import { formatCidr, parseCidr } from "../../net/cidr.ts";
import type { Projection } from "../reflector/kind.ts";
import type { ClusterNode } from "./node-view.ts";
import { isSameNode, projectNode } from "./project-node.ts";

const METADATA = {
  name: "node-1",
  uid: "3f0c2a52-0000-4000-8000-000000000001",
  creationTimestamp: "2026-01-02T03:04:05Z",
  resourceVersion: "17",
};
const OWN = METADATA.name;
const INTERNAL = (address: unknown): object => ({ type: "InternalIP", address });
const NODE = {
  name: "node-1",
  uid: METADATA.uid,
  createdMs: Date.UTC(2026, 0, 2, 3, 4, 5),
  addresses: [],
  podCIDRs: [],
};

const malformed = (reason: string): Projection<ClusterNode> => ({ kind: "malformed", reason });

const cases: readonly {
  readonly name: string;
  readonly raw: unknown;
  readonly want: Projection<ClusterNode>;
}[] = [
  {
    name: "keeps internal addresses and PodCIDRs in their order, in canonical text",
    raw: {
      metadata: METADATA,
      spec: { podCIDR: "10.244.1.0/24", podCIDRs: ["10.244.1.0/24", "FD00:10:244:0001::/64"] },
      status: {
        addresses: [
          INTERNAL("2001:DB8:0::7"),
          { type: "ExternalIP", address: "203.0.113.9" },
          INTERNAL("192.0.2.7"),
          { type: "Hostname", address: "node-1" },
          INTERNAL("192.0.2.7"),
        ],
      },
    },
    want: {
      kind: "usable",
      object: {
        ...NODE,
        addresses: ["2001:db8::7", "192.0.2.7"],
        podCIDRs: ["10.244.1.0/24", "fd00:10:244:1::/64"],
      },
    },
  },
  {
    name: "takes a node that waits for addresses and PodCIDRs",
    raw: { metadata: METADATA, spec: {}, status: {} },
    want: { kind: "usable", object: NODE },
  },
  {
    name: "takes a node without spec and status, and null for lists",
    raw: { metadata: METADATA, spec: null, status: { addresses: null } },
    want: { kind: "usable", object: NODE },
  },
  {
    name: "does not care about garbage in addresses of other types",
    raw: { metadata: METADATA, status: { addresses: [7, null, { type: "InternalDNS", address: 7 }] } },
    want: { kind: "usable", object: NODE },
  },
  {
    name: "takes two prefixes of a family: a node may change its prefix",
    raw: { metadata: METADATA, spec: { podCIDRs: ["10.244.1.0/24", "10.245.1.0/24"] } },
    want: { kind: "usable", object: { ...NODE, podCIDRs: ["10.244.1.0/24", "10.245.1.0/24"] } },
  },
  { name: "refuses a text", raw: "node", want: malformed('"node" is not a Node object') },
  { name: "refuses null", raw: null, want: malformed("null is not a Node object") },
  { name: "refuses a list", raw: [], want: malformed("[] is not a Node object") },
  {
    name: "refuses a name that would not do as one",
    raw: { metadata: { ...METADATA, name: "../etc" } },
    want: malformed('metadata.name "../etc" is not a node name'),
  },
  {
    name: "names every fault, with key and value",
    raw: {
      metadata: { ...METADATA, uid: 7, creationTimestamp: "yesterday" },
      spec: { podCIDRs: ["10.244.1.1/24", 5] },
      status: { addresses: [INTERNAL("192.0.2.999")] },
    },
    want: malformed(
      "metadata.uid 7 is not a string; " +
        'metadata.creationTimestamp "yesterday" is not a time; ' +
        'status.addresses: InternalIP[0] "192.0.2.999" is not an IP address; ' +
        'spec.podCIDRs[0] "10.244.1.1/24" is not a prefix such as "10.244.1.0/24", without host bits; ' +
        'spec.podCIDRs[1] 5 is not a prefix such as "10.244.1.0/24", without host bits',
    ),
  },
  {
    name: "refuses spec and status that are no objects, and lists that are none",
    raw: { metadata: METADATA, spec: [], status: { addresses: "192.0.2.7" } },
    want: malformed('spec [] is not an object; status.addresses "192.0.2.7" is not a list'),
  },
  {
    name: "refuses three prefixes of a family",
    raw: { metadata: METADATA, spec: { podCIDRs: ["10.1.0.0/24", "10.2.0.0/24", "10.3.0.0/24"] } },
    want: malformed('spec.podCIDRs[2] "10.3.0.0/24" is one too many: at most 2 IPv4 prefixes are served'),
  },
  {
    name: "refuses prefixes that overlap: an address would be given twice",
    raw: { metadata: METADATA, spec: { podCIDRs: ["10.1.2.0/24", "10.1.0.0/16"] } },
    want: malformed('spec.podCIDRs[1] "10.1.0.0/16" overlaps "10.1.2.0/24"'),
  },
  {
    name: "refuses the prefix of everything: it would take the default route",
    raw: { metadata: METADATA, spec: { podCIDRs: ["0.0.0.0/0"] } },
    want: malformed(
      'spec.podCIDRs[0] "0.0.0.0/0" is not a prefix such as "10.244.1.0/24", without host bits',
    ),
  },
  {
    name: "cuts a value that would fill the log",
    raw: { metadata: METADATA, spec: "x".repeat(100_000) },
    want: malformed(`spec "${"x".repeat(127)}… is not an object`),
  },
];

for (const { name, raw, want } of cases)
  test(`projectNode() ${name}`, () => assert.deepEqual(projectNode(raw, OWN), want));

test("projectNode() answers any JSON with a node in canonical form or a reason", () => {
  const json = fc.jsonValue({ maxDepth: 4 });
  const nearly = fc.record({
    metadata: fc.record(
      {
        name: fc.oneof(fc.constant("node-1"), json),
        uid: json,
        creationTimestamp: fc.oneof(fc.date(), json),
      },
      { requiredKeys: [] },
    ),
    spec: fc.oneof(
      json,
      fc.record({ podCIDRs: fc.array(fc.oneof(fc.constant("10.0.0.0/8"), fc.ipV6(), json)) }),
    ),
    status: fc.oneof(
      json,
      fc.record({
        addresses: fc.array(
          fc.record({ type: fc.constant("InternalIP"), address: fc.oneof(fc.ipV4(), fc.ipV6(), json) }),
        ),
      }),
    ),
  });
  fc.assert(
    fc.property(fc.oneof(json, nearly), (value) => {
      const projection = projectNode(JSON.parse(JSON.stringify(value)), OWN);
      if (projection.kind === "malformed") {
        assert.ok(projection.reason.length > 0);
        return;
      }
      const { addresses, podCIDRs } = projection.object;
      for (const address of addresses) assert.equal(parseAddress(address), address);
      for (const text of podCIDRs) {
        const cidr = parseCidr(text);
        assert.equal(cidr === undefined ? undefined : formatCidr(cidr), text);
      }
    }),
  );
});

test("projectNode() keeps the WireGuard key, and the node also where its key is none", () => {
  const raw = (text: string) => ({
    metadata: { ...METADATA, annotations: { "causeway.io/wireguard": text } },
  });
  const key = { publicKey: fakeKey("a"), port: 51_820 };
  assert.deepEqual(projectNode(raw(JSON.stringify(key)), OWN), {
    kind: "usable",
    object: { ...NODE, wireguard: key },
  });
  assert.deepEqual(projectNode(raw("none"), OWN), {
    kind: "usable",
    object: { ...NODE, wireguard: { fault: '"none" is not JSON' } },
  });
});

test("projectNode() keeps the UID of this node alone: of thousands it would be felt", () => {
  const { name, createdMs, addresses, podCIDRs } = NODE;
  const other = { name, createdMs, addresses, podCIDRs };
  const key = { publicKey: fakeKey("a"), port: 51_820 };
  const annotations = { "causeway.io/wireguard": JSON.stringify(key) };
  for (const [metadata, more] of [
    [METADATA, {}],
    [{ ...METADATA, annotations }, { wireguard: key }],
  ] as const) {
    assert.deepEqual(projectNode({ metadata }, "node-2"), { kind: "usable", object: { ...other, ...more } });
    assert.deepEqual(projectNode({ metadata }, OWN), { kind: "usable", object: { ...NODE, ...more } });
  }
});

test("isSameNode() compares all that the agent uses", () => {
  const node = { ...NODE, addresses: ["192.0.2.7"], podCIDRs: ["10.1.0.0/24"] };
  assert.equal(isSameNode(node, { ...node, addresses: [...node.addresses] }), true);
  const others = [
    { uid: "other" },
    { createdMs: 1 },
    { addresses: [] },
    { addresses: ["192.0.2.8"] },
    { podCIDRs: ["10.2.0.0/24"] },
    { wireguard: { publicKey: "key", port: 1 } },
  ];
  for (const other of others)
    assert.equal(isSameNode(node, { ...node, ...other }), false, JSON.stringify(other));
});

test("a Node with tens of thousands of addresses costs no more than one with a few", () => {
  const addresses = Array.from({ length: 30_000 }, (_, index) => ({
    type: "InternalIP",
    address: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
  }));
  const metadata = { name: "a", uid: "u", creationTimestamp: "2026-01-01T00:00:00Z" };
  const projection = projectNode({ metadata, spec: {}, status: { addresses } }, OWN);
  assert.ok(projection.kind === "usable");
  assert.equal(projection.object.addresses.length, 32);
});
