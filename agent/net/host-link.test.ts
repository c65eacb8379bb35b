import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { hostLinkName } from "./host-link.ts";

interface Vector {
  readonly containerId: string;
  readonly ifname: string;
  readonly hostLink: string;
}

const file = new URL("../../cni-shim/test/vectors.json", import.meta.url);
const vectors = JSON.parse(readFileSync(file, "utf8")) as readonly Vector[];

test("hostLinkName() computes what the shim computes in C: both read these vectors", () => {
  assert.ok(vectors.length >= 6);
  for (const { containerId, ifname, hostLink } of vectors)
    assert.equal(hostLinkName(containerId, ifname), hostLink);
});

test("hostLinkName() fits into IFNAMSIZ and tells interfaces of one container apart", () => {
  assert.equal(hostLinkName("c1", "eth0").length, 15);
  assert.notEqual(hostLinkName("c1", "eth0"), hostLinkName("c1", "eth1"));
});
