import assert from "node:assert/strict";
import { test } from "node:test";
import { createSessionJudge } from "./judge-sessions.ts";
import type { WireGuardPeerState } from "./wireguard.ts";

const NOW = 1_800_000_000;

function peer(change: Partial<WireGuardPeerState>): WireGuardPeerState {
  return {
    publicKey: "key",
    endpoint: undefined,
    allowedIps: [],
    lastHandshake: NOW,
    receivedBytes: 1,
    sentBytes: 1000,
    ...change,
  };
}

type Look = readonly [seconds: number, change: Partial<WireGuardPeerState>];

/** What is said at each look: seconds after the handshake, and what differs then. */
function judge(...looks: readonly Look[]) {
  return judgeWith(0, ...looks);
}

/** The same after the clock was set back by so many seconds. */
function judgeWith(setBack: number, ...looks: readonly Look[]) {
  const sessions = createSessionJudge();
  return looks.map(([seconds, change]) => {
    const moment = { nowSeconds: NOW + seconds - setBack, steadySeconds: 5000 + seconds };
    return sessions([peer(change)], moment)[0]?.session;
  });
}

test("a peer that is called after its session has ended, and does not answer, is unanswered until it does", () => {
  assert.deepEqual(
    judge(
      [170, { sentBytes: 900 }],
      [200, { sentBytes: 1000 }],
      [230, { sentBytes: 1296 }],
      [260, { sentBytes: 1592 }],
      [900, { sentBytes: 1592 }],
      [930, { sentBytes: 2000, lastHandshake: NOW + 929 }],
      [1200, { sentBytes: 2000, lastHandshake: NOW + 929 }],
    ),
    ["live", "idle", "idle", "unanswered", "unanswered", "live", "idle"],
  );
});

test("a peer is not unanswered while its answer is on the way, or when nothing was sent to it", () => {
  assert.deepEqual(judge([200, {}], [230, { sentBytes: 1148 }], [231, { sentBytes: 1148 }]), [
    "idle",
    "idle",
    "idle",
  ]);
  assert.deepEqual(judge([200, {}], [3600, {}], [7200, {}]), ["idle", "idle", "idle"]);
});

test("bytes of a session's last seconds, and those of a peer that was made anew, are no calls", () => {
  assert.deepEqual(judge([179, { sentBytes: 900 }], [209, {}], [239, {}]), ["live", "idle", "idle"]);
  const anew = { sentBytes: 10, lastHandshake: NOW };
  assert.deepEqual(judge([200, {}], [230, anew], [260, anew]), ["idle", "idle", "idle"]);
});

test("a peer that has never answered is unanswered at once", () => {
  assert.deepEqual(judge([0, { lastHandshake: 0 }]), ["unanswered"]);
});

test("a clock that was set back makes no session live longer, and no node answer: other nodes take no handshake of this one", () => {
  const looks: readonly Look[] = [
    [10, { sentBytes: 900 }],
    [180, { sentBytes: 950 }],
    [200, {}],
    [230, { sentBytes: 1148 }],
    [260, { sentBytes: 1296 }],
  ];
  assert.deepEqual(judgeWith(86_400, ...looks), ["live", "live", "idle", "idle", "unanswered"]);
  const again = { lastHandshake: NOW + 300 - 86_400, sentBytes: 2000 };
  assert.deepEqual(judgeWith(86_400, [10, {}], [301, again], [400, again], [500, again]), [
    "live",
    "live",
    "live",
    "idle",
  ]);
});
