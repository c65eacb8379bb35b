import assert from "node:assert/strict";
import { test } from "node:test";
import type { PacketHeaders } from "../../../net/read-packet.ts";
import type { Drop } from "./describe-drop.ts";
import { createDropDescriber } from "./limit-descriptions.ts";

const DROP: Drop = {
  direction: "ingress",
  from: { address: "10.244.2.20", pod: undefined },
  to: { address: "10.244.1.10", pod: "default/web" },
  protocol: "TCP",
  port: 80,
  policies: ["default/deny"],
  reason: "isolated by default/deny, no rule allows it",
  hint: undefined,
};

function packet(port: number, source = 40_000): PacketHeaders {
  return {
    source: "10.244.2.20",
    destination: "10.244.1.10",
    protocol: 6,
    ports: { source, destination: port },
    icmpType: undefined,
  };
}

function setUp() {
  const time = { ms: 0 };
  let described = 0;
  const describer = createDropDescriber({
    describe(_name, { ports }) {
      described++;
      return { ...DROP, port: ports?.destination };
    },
    nowMs: () => time.ms,
  });
  return { time, describer, described: () => described };
}

test("a client that tries again and again made the agent look through all pods for each packet: it is described once in 10 s", () => {
  const { time, describer, described } = setUp();
  for (let tries = 0; tries < 1000; tries++) {
    assert.deepEqual(describer.describe("in4-a-d0", packet(80, 40_000 + tries)), DROP);
    time.ms += 9;
  }
  assert.equal(described(), 1);
  time.ms += 1000;
  describer.describe("in4-a-d0", packet(80));
  describer.describe("in4-b-d0", packet(80));
  assert.equal(described(), 3);
});

test("who scans ports costs ten descriptions a second and a burst of 50, whatever else comes", () => {
  const { time, describer, described } = setUp();
  let leftOut = 0;
  for (let port = 1; port <= 10_000; port++) {
    if (describer.describe("in4-a-d0", packet(port)) === "left out") leftOut++;
    time.ms += 1;
  }
  assert.ok(described() >= 145 && described() <= 151, `${described()} descriptions`);
  assert.equal(leftOut + described(), 10_000);
});

test("who scans ports all the time keeps nobody else from being described", () => {
  const { time, describer } = setUp();
  for (let port = 1; port <= 10_000; port++) {
    describer.describe("in4-a-d0", packet(port));
    time.ms += 1;
  }
  for (let index = 0; index < 20; index++) {
    const other = { ...packet(80), source: `10.244.1.${index + 20}` };
    assert.notEqual(describer.describe("in4-b-d0", other), "left out", other.source);
  }
});

test("thousands of clients cost no more than twenty descriptions a second and a burst of 100", () => {
  const { time, describer, described } = setUp();
  for (let client = 1; client <= 10_000; client++) {
    describer.describe("in4-a-d0", { ...packet(80), source: `10.${client >> 8}.0.${client & 255}` });
    time.ms += 1;
  }
  assert.ok(described() >= 290 && described() <= 302, `${described()} descriptions`);
});
