import assert from "node:assert/strict";
import { test } from "node:test";
import { redact } from "./redact.ts";

for (const [text, want] of [
  ["a eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrIn0.c2ln b", "a [removed] b"],
  ["Authorization: Bearer abc.def-1", "Authorization: Bearer [removed]"],
  ["-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- end", "[removed] end"],
  ["-----BEGIN PRIVATE KEY-----\nMII is cut", "[removed]"],
  ['{"token": "abc", "pod": "a/b"}', '{"token": [removed], "pod": "a/b"}'],
  ["password=hunter2 next", "password=[removed] next"],
  ["https://me:word@192.0.2.1:6443/api", "https://[removed]@192.0.2.1:6443/api"],
] as const)
  test(`redact() takes the secret out of ${JSON.stringify(text)}`, () => {
    assert.equal(redact(text), want);
  });

test("redact() leaves addresses, names and times as they are", () => {
  const text =
    "2026-11-26T14:00:00Z pod shop/web-0 at [fd00::2]:80/tcp, https://192.0.2.1:6443/ 00:11:22:33:44:55";
  assert.equal(redact(text), text);
});
