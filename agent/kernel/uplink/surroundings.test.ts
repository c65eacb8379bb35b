import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readNameServers } from "./surroundings.ts";

test("readNameServers() gives the addresses of a resolv.conf, without zones, comments and garbage", async () => {
  const folder = mkdtempSync(join(tmpdir(), "resolv-"));
  const path = join(folder, "resolv.conf");
  try {
    writeFileSync(
      path,
      "# nameserver 192.0.2.1\nsearch example.org\nnameserver 203.0.113.53\n nameserver\t2001:DB8::53\n" +
        "nameserver fe80::1%eth0\nnameserver nonsense\noptions ndots:5\n",
    );
    assert.deepEqual(await readNameServers(path), ["203.0.113.53", "2001:db8::53", "fe80::1"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("readNameServers() gives none where there is no resolv.conf", async () => {
  assert.deepEqual(await readNameServers("/nonexistent/resolv.conf"), []);
});
