import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { COOL_DOWN_MS, createAddressPool, podAddressCount } from "./address-pool.ts";
import { cidr } from "../testing/cidr.ts";

function drain(pool: { allocate(): string | undefined }): string[] {
  const all: string[] = [];
  for (let address = pool.allocate(); address !== undefined; address = pool.allocate()) all.push(address);
  return all;
}

for (const { prefix, want } of [
  { prefix: "10.244.1.0/29", want: ["10.244.1.2", "10.244.1.3", "10.244.1.4", "10.244.1.5", "10.244.1.6"] },
  { prefix: "10.244.1.8/30", want: ["10.244.1.10"] },
  { prefix: "fd00:1::/126", want: ["fd00:1::2", "fd00:1::3"] },
]) {
  test(`createAddressPool() gives every address of ${prefix} but network, gateway and broadcast`, () => {
    const pool = createAddressPool(cidr(prefix));
    assert.deepEqual(drain(pool), want);
    assert.equal(pool.size, want.length);
  });
}

for (const { prefix, want } of [
  { prefix: "10.0.0.0/24", want: 253 },
  { prefix: "10.0.0.0/31", want: 0 },
  { prefix: "10.0.0.0/32", want: 0 },
  { prefix: "fd00::/127", want: 0 },
  { prefix: "fd00::/64", want: 2 ** 14 - 1 },
]) {
  test(`podAddressCount() of ${prefix} is ${want}`, () => {
    assert.equal(podAddressCount(cidr(prefix)), want);
  });
}

test("allocate() gives the address freed longest ago only when all others were given", () => {
  const pool = createAddressPool(cidr("10.0.0.0/29"));
  pool.allocate();
  pool.allocate();
  pool.release("10.0.0.3", 0);
  pool.release("10.0.0.2", 1);
  assert.deepEqual(drain(pool), ["10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.3", "10.0.0.2"]);
});

test("allocate() does not give an address again at once: old traffic would reach the new pod", () => {
  const pool = createAddressPool(cidr("10.0.0.0/24"));
  const first = pool.allocate() ?? "";
  pool.release(first, 0);
  assert.notEqual(pool.allocate(), first);
  assert.equal(pool.cooling(COOL_DOWN_MS - 1), 1);
  assert.equal(pool.cooling(COOL_DOWN_MS), 0);
});

test("resume() begins behind the highest address that a restart found, and comes round", () => {
  const pool = createAddressPool(cidr("10.0.0.0/29"));
  assert.equal(pool.claim("10.0.0.4"), true);
  pool.resume();
  assert.deepEqual(drain(pool), ["10.0.0.5", "10.0.0.6", "10.0.0.2", "10.0.0.3"]);
});

for (const address of ["10.0.0.0", "10.0.0.1", "10.0.0.7", "10.0.1.2", "fd00::2"]) {
  test(`claim() refuses ${address}, which is no pod address of 10.0.0.0/29`, () => {
    assert.equal(createAddressPool(cidr("10.0.0.0/29")).claim(address), false);
  });
}

test("claim() refuses an address that is taken, release() of a free one changes nothing", () => {
  const pool = createAddressPool(cidr("10.0.0.0/29"));
  assert.equal(pool.claim("10.0.0.2"), true);
  assert.equal(pool.claim("10.0.0.2"), false);
  pool.release("10.0.0.5", 0);
  assert.equal(pool.taken(), 1);
  assert.equal(pool.cooling(0), 0);
});

test("createAddressPool() never gives one address twice, whatever the order of calls", () => {
  const call = fc.oneof(
    fc.constant("allocate" as const),
    fc.integer({ min: 0, max: 15 }).map((n) => ({ release: `10.0.0.${n}` })),
    fc.integer({ min: 0, max: 15 }).map((n) => ({ claim: `10.0.0.${n}` })),
    fc.constant("resume" as const),
  );
  fc.assert(
    fc.property(fc.array(call, { maxLength: 60 }), (calls) => {
      const pool = createAddressPool(cidr("10.0.0.0/28"));
      const held = new Set<string>();
      for (const [nowMs, step] of calls.entries()) {
        if (step === "resume") pool.resume();
        else if (step === "allocate") {
          const address = pool.allocate();
          assert.equal(address === undefined, held.size === pool.size);
          if (address === undefined) continue;
          assert.ok(!held.has(address));
          held.add(address);
        } else if ("claim" in step) {
          if (pool.claim(step.claim)) {
            assert.ok(!held.has(step.claim));
            held.add(step.claim);
          }
        } else {
          pool.release(step.release, nowMs);
          held.delete(step.release);
        }
        assert.equal(pool.taken(), held.size);
      }
    }),
  );
});

test("resume() goes on behind the address last given: one above all in use may have been recently freed", () => {
  const pool = createAddressPool(cidr("10.0.0.0/29"));
  pool.claim("10.0.0.2");
  pool.resume("10.0.0.4");
  assert.equal(pool.lastGiven(), "10.0.0.4");
  assert.deepEqual(drain(pool), ["10.0.0.5", "10.0.0.6", "10.0.0.3", "10.0.0.4"]);
  assert.equal(pool.lastGiven(), "10.0.0.4");
});

test("resume() behind an address of another PodCIDR counts from the highest claimed one", () => {
  const pool = createAddressPool(cidr("10.0.0.0/29"));
  pool.claim("10.0.0.3");
  pool.resume("10.9.0.5");
  assert.equal(pool.lastGiven(), undefined);
  assert.equal(pool.allocate(), "10.0.0.4");
});
