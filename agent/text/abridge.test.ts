import assert from "node:assert/strict";
import { test } from "node:test";
import { abridge } from "./abridge.ts";

test("abridge() keeps what to do at the end of a reason, and cuts the middle", () => {
  const reason = `IPv6 forwarding is off on ${"eth0, ".repeat(100)}which is not ours to set: sysctl -w net.ipv6.conf.all.forwarding=1`;
  const kept = abridge(reason, 200);
  assert.match(
    kept,
    /^IPv6 forwarding is off on eth0, .* … .*: sysctl -w net\.ipv6\.conf\.all\.forwarding=1$/,
  );
});

for (const [text, maxBytes, want] of [
  ["short", 5, "short"],
  ["0123456789", 9, "01 … 89"],
  ["äöüäöüäöü", 13, "äö … öü"],
  ["🙂🙂🙂🙂", 14, "🙂 … 🙂"],
  ["🙂🙂🙂🙂", 12, "🙂 … "],
  ["🙂🙂🙂🙂", 11, " … "],
  ["a🙂🙂b🙂c", 13, "a … c"],
] as const)
  test(`abridge() of "${text}" to ${maxBytes} bytes is "${want}"`, () => {
    const kept = abridge(text, maxBytes);
    assert.equal(kept, want);
    assert.ok(Buffer.byteLength(kept) <= maxBytes);
  });
