import assert from "node:assert/strict";
import { test } from "node:test";
import { createAdmission, peerOf } from "./admission.ts";

const LIMITS = { openPerPeer: 2, startedPerPeer: 3 };

test("a peer has so many connections open at a time, and others have theirs", () => {
  const admission = createAdmission(LIMITS);
  assert.deepEqual(["a", "a", "a", "b"].map(admission.admit), [true, true, false, true]);
  admission.nextWindow();
  assert.equal(admission.admit("a"), false);
  admission.left("a");
  assert.equal(admission.admit("a"), true);
});

test("a peer whose connections end at once begins so many in a window", () => {
  const admission = createAdmission(LIMITS);
  const visit = (): boolean => {
    const isAdmitted = admission.admit("a");
    if (isAdmitted) admission.left("a");
    return isAdmitted;
  };
  assert.deepEqual([1, 2, 3, 4].map(visit), [true, true, true, false]);
  admission.nextWindow();
  assert.equal(visit(), true);
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
