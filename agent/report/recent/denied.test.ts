import assert from "node:assert/strict";
import { test } from "node:test";
import type { Drop } from "../../plan/policy/drops/describe-drop.ts";
import { createDenied } from "./denied.ts";

const DROP: Drop = {
  direction: "ingress",
  from: { address: "10.244.2.20", pod: "default/client" },
  to: { address: "10.244.1.10", pod: "default/web" },
  protocol: "TCP",
  port: 80,
  policies: ["default/deny"],
  reason: "isolated by default/deny, no rule allows it",
  hint: undefined,
};

function setUp() {
  const lines: object[] = [];
  const time = { ms: 1_000_000, stepMs: 0 };
  const log = { info: (fields: object) => lines.push(fields) };
  return {
    lines,
    time,
    denied: createDenied({ log, nowMs: () => time.ms, dateMs: () => time.ms + time.stepMs }),
  };
}

const ofPort = (port: number): Drop => ({ ...DROP, port });

test("createDenied() logs one line of a packet, and no other of a client that tries again within a minute", () => {
  const { lines, time, denied } = setUp();
  for (const waitMs of [0, 1000, 3000, 7000]) {
    time.ms += waitMs;
    denied.tell(DROP);
  }
  const line = {
    direction: "ingress",
    from: "default/client (10.244.2.20)",
    to: "default/web (10.244.1.10)",
    port: "TCP 80",
    reason: DROP.reason,
  };
  assert.deepEqual(lines, [line]);
  assert.deepEqual(denied.list(), [{ atMs: time.ms, ...line, hint: undefined, packets: 4 }]);
  time.ms += 60_000;
  denied.tell(DROP);
  assert.deepEqual(lines, [line, line]);
});

for (const [step, stepMs] of [
  ["back", -3_600_000],
  ["forward", 3_600_000],
] as const)
  test(`createDenied() logs a client once a minute, also when the machine's clock is set ${step} by an hour`, () => {
    const { lines, time, denied } = setUp();
    denied.tell(DROP);
    time.stepMs = stepMs;
    denied.tell(DROP);
    assert.equal(lines.length, 1);
    time.ms += 60_000;
    denied.tell(DROP);
    assert.equal(lines.length, 2);
    assert.equal(denied.list()[0]?.atMs, time.ms + stepMs);
  });

test("createDenied() bounds the lines of somebody who scans ports, and tells how many it left out", () => {
  const { lines, time, denied } = setUp();
  for (let port = 1; port <= 500; port++) denied.tell(ofPort(port));
  assert.equal(lines.length, 51);
  time.ms += 1000;
  denied.tell(ofPort(501));
  assert.deepEqual(lines.at(-1), { ...lines[0], port: "TCP 501", untold: 449 });
  for (let port = 600; port < 700; port++) denied.tell(ofPort(port));
  assert.equal(lines.length, 61, "ten a second");
});

test("createDenied() keeps the last 64, the newest first", () => {
  const { denied } = setUp();
  for (let port = 1; port <= 100; port++) denied.tell(ofPort(port));
  denied.tell(ofPort(50));
  assert.deepEqual(
    denied.list().map(({ port }) => port),
    [50, ...Array.from({ length: 64 }, (_, index) => 100 - index).filter((port) => port !== 50)]
      .map((port) => `TCP ${port}`)
      .slice(0, 64),
  );
});

test("createDenied() tells an address that is no known pod's, a protocol without ports, and the hint", () => {
  const { lines, denied } = setUp();
  const to = { address: "192.0.2.10", pod: undefined };
  denied.tell({ ...DROP, to, protocol: "ICMP", port: undefined, hint: "192.0.2.10 is this node" });
  assert.partialDeepStrictEqual(lines, [{ to: "192.0.2.10", port: "ICMP", hint: "192.0.2.10 is this node" }]);
});

test("createDenied() tells how many packets nobody has described", () => {
  const { lines, denied } = setUp();
  for (let packets = 0; packets < 7; packets++) denied.leaveOut();
  denied.tell(DROP);
  assert.partialDeepStrictEqual(lines[0], { untold: 7 });
});

test("a pod that is denied all the time keeps nobody else's denials out, neither of the log nor of the list", () => {
  const { lines, time, denied } = setUp();
  const others = Array.from({ length: 20 }, (_, index) => `10.244.1.${index + 20}`);
  const ofOther = (address: string): Drop => ({ ...DROP, from: { address, pod: undefined } });
  const scan = (): void => {
    for (let port = 1; port <= 100; port++) denied.tell(ofPort(port));
    time.ms += 10;
  };
  for (let count = 0; count < 100; count++) scan();
  for (const address of others) {
    scan();
    denied.tell(ofOther(address));
    scan();
  }
  const told = new Set<unknown>(lines.map((line) => "from" in line && line.from));
  assert.deepEqual(
    others.filter((address) => !told.has(address)),
    [],
  );
  const kept = new Set(denied.list().map(({ from }) => from));
  assert.deepEqual(
    others.filter((address) => !kept.has(address)),
    [],
  );
});
