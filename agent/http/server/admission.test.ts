import assert from "node:assert/strict";
import { test } from "node:test";
import { createAdmission, peerOf } from "./admission.ts";

test("a peer has so many connections open at a time, and others have theirs", () => {
  const admission = createAdmission({ openPerPeer: 2 });
  assert.deepEqual(["a", "a", "a", "b"].map(admission.admit), [true, true, false, true]);
  assert.equal(admission.admit("a"), false);
  admission.left("a");
  assert.equal(admission.admit("a"), true);
});

const PEERS = [
  { address: "10.244.1.2", want: "10.244.1.2" },
  { address: "2001:db8:1:2:3:4:5:6", want: "2001:db8:1:2" },
  { address: "2001:db8:1:2::6", want: "2001:db8:1:2" },
  { address: "2001:db8::6", want: "2001:db8:0:0" },
  { address: "::1", want: "0:0:0:0" },
];

for (const { address, want } of PEERS) {
  test(`peerOf() ${address}`, () => assert.equal(peerOf(address), want));
}
