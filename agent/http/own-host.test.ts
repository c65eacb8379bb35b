import assert from "node:assert/strict";
import { test } from "node:test";
import { isOwnHost } from "./own-host.ts";

const HOSTS = {
  added: ["node-1", "metrics.causeway.svc", "198.51.100.9"],
  addresses: () => ["192.0.2.7", "2001:db8::7"],
};

const OWN = [
  "192.0.2.7:9655",
  "192.0.2.7",
  "[2001:db8::7]:9655",
  "[2001:DB8:0::7]",
  "10.244.1.1:9655",
  "127.0.0.1:4711",
  "[::1]:9656",
  "localhost",
  "LOCALHOST:9656",
  "node-1:9655",
  "Node-1.",
  "metrics.causeway.svc:9655",
  "198.51.100.9:80",
];
const FOREIGN = [
  "evil.example",
  "evil.example:9655",
  "node-1.evil.example",
  "192.0.2.7.evil.example:9655",
  "192.0.2.8:9655",
  "[2001:db8::8]:9655",
  "[::ffff:192.0.2.7]",
  "localhost.evil.example",
  "2130706433",
  "0x7f.1",
  "",
  ":9655",
  "a@192.0.2.7",
  "192.0.2.7:9655:1",
];

for (const host of OWN) {
  test(`isOwnHost() takes "${host}"`, () => assert.ok(isOwnHost(host, "10.244.1.1", HOSTS)));
}
for (const host of FOREIGN) {
  test(`isOwnHost() refuses "${host}": a page may have its name resolve to us`, () =>
    assert.ok(!isOwnHost(host, "10.244.1.1", HOSTS)));
}
