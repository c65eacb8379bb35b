import assert from "node:assert/strict";
import { test } from "node:test";
import { sample } from "./observe/observe-paths.ts";
import { readCounter, readDropped } from "./observe/observe-sysctls.ts";
import { socketsOn } from "./udp-port.ts";

test("readCounter() finds a counter of /proc/net/netstat by its name", () => {
  const text =
    "TcpExt: SyncookiesSent IPReversePathFilter Other\nTcpExt: 1 22 3\nIpExt: InOctets\nIpExt: 4\n";
  assert.deepEqual(
    ["SyncookiesSent", "IPReversePathFilter", "InOctets", "Missing"].map((name) => readCounter(text, name)),
    [1, 22, 4, 0],
  );
});

test("readDropped() adds up the column of all CPUs, in hexadecimal", () => {
  assert.equal(
    readDropped("entries  drop early_drop\n0000000a 0000000f 00000001\n0000000a 00000001 00000001\n"),
    16,
  );
  assert.equal(readDropped(""), 0);
});

test("socketsOn() reads the inodes of one port", () => {
  const text = [
    "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops",
    " 7572: 00000000:12B5 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 899888 2 00000000f50df8ee 0",
    "  100: 0100007F:0035 00000000:12B5 07 00000000:00000000 00:00000000 00000000     0        0 77 2 00000000f50df8ee 0",
  ].join("\n");
  assert.deepEqual([socketsOn(text, 4789), socketsOn(text, 53), socketsOn("", 53)], [["899888"], ["77"], []]);
});

test("sample() spreads evenly over many, and takes all of few", () => {
  assert.deepEqual(sample([1, 2, 3]), [1, 2, 3]);
  assert.deepEqual(sample(Array.from({ length: 5000 }, (_, index) => index)), [0, 1250, 2500, 3750]);
});
