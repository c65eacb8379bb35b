import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyTable } from "../../plan/policy/compile/policy-table.ts";
import type { Packet } from "../../plan/policy/evaluate/evaluate.ts";
import type { TableChange } from "../../plan/policy/state/table-change.ts";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { createEndForbidden } from "./end-forbidden.ts";

const [POD, OTHER_POD] = ["10.0.0.1", "10.0.0.2"];

/** Both pods are isolated. */
const table: PolicyTable = {
  sets: new Map(),
  chains: new Map([
    [
      "closed",
      {
        name: "closed",
        direction: "ingress",
        family: 4,
        rules: [
          {
            lookups: [],
            verdict: { kind: "drop", denial: { direction: "ingress", tier: undefined, policies: [] } },
          },
        ],
      },
    ],
  ]),
  pods: {
    "pods-out4": new Map(),
    "pods-out6": new Map(),
    "pods-in4": new Map([
      [POD, "closed"],
      [OTHER_POD, "closed"],
    ]),
    "pods-in6": new Map(),
  },
};

const mapped = (address: string): TableChange => {
  return { kind: "map pod", map: "pods-in4", address, chain: "closed", previous: undefined };
};

function setUp() {
  const clock = createFakeClock();
  const asked: (readonly string[])[] = [];
  const errors: unknown[] = [];
  const ended: number[] = [];
  const kernel = {
    connections: [] as Packet[],
    failure: undefined as Error | undefined,
    endConnections(addresses: ReadonlySet<string>, isForbidden: (packet: Packet) => boolean) {
      asked.push([...addresses].toSorted());
      if (kernel.failure !== undefined) return Promise.reject(kernel.failure);
      const forbidden = kernel.connections.filter(isForbidden).length;
      return Promise.resolve({ ended: forbidden, released: 0, marked: forbidden });
    },
    listOwnAddresses: () => Promise.resolve(new Set(["192.0.2.10"])),
  };
  const ender = createEndForbidden({
    table,
    toOwnNode: "enforce",
    kernel,
    clock,
    onEnded: (counts) => ended.push(counts.ended),
    onError: (error) => errors.push(error),
  });
  return { clock, asked, errors, ended, kernel, ender };
}

test("createEndForbidden() judges nothing while policies are not complete, then all pods once", async () => {
  const { clock, asked, ender } = setUp();
  ender.changed([mapped(POD)]);
  await clock.advance(5000);
  assert.deepEqual(asked, [], "a table that was half built would cut what is allowed");
  ender.begin();
  await clock.advance(5000);
  assert.deepEqual(asked, [[POD, OTHER_POD]]);
});

test("createEndForbidden() leaves the ADD alone that changed the table, and reads connections twice a second at most", async () => {
  const { clock, asked, ender } = setUp();
  ender.begin();
  await clock.advance(5000);
  ender.changed([mapped(POD)]);
  await clock.advance(99);
  assert.deepEqual(asked.slice(1), []);
  await clock.advance(1);
  ender.changed([mapped(OTHER_POD)]);
  ender.changed([mapped(POD)]);
  await clock.advance(100);
  assert.deepEqual(asked.slice(1), [[POD]]);
  await clock.advance(500);
  assert.deepEqual(asked.slice(1), [[POD], [POD, OTHER_POD]]);
  ender.changed([
    { kind: "add set", spec: { name: "s", type: "ipv4_addr", isInterval: false }, elements: [] },
  ]);
  await clock.advance(5000);
  assert.equal(asked.length, 3, "what no packet meets ends nothing");
});

test("createEndForbidden() spares what the node itself sends", async () => {
  const { clock, ended, kernel, ender } = setUp();
  const packet = { destination: POD, protocol: 6, port: 80 };
  kernel.connections = [
    { ...packet, source: "192.0.2.10" },
    { ...packet, source: "192.0.2.1" },
  ];
  ender.begin();
  await clock.advance(1);
  assert.deepEqual([ended, ender.marked()], [[1], 1]);
});

test("createEndForbidden() judges all pods again after a failure", async () => {
  const { clock, asked, errors, kernel, ender } = setUp();
  ender.begin();
  await clock.advance(5000);
  kernel.failure = new Error("Cannot list");
  ender.changed([mapped(POD)]);
  await clock.advance(100);
  kernel.failure = undefined;
  await clock.advance(1000);
  assert.deepEqual(asked.slice(1), [[POD], [POD, OTHER_POD]]);
  assert.equal(errors.length, 1);
});
