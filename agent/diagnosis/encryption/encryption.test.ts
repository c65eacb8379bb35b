import assert from "node:assert/strict";
import { test } from "node:test";
import type { WireGuardPeerState } from "../../plan/encryption/wireguard.ts";
import { cidr } from "../../testing/cidr.ts";
import { checkEncryption } from "./check-encryption.ts";
import { explainEncrypted } from "./explain-encrypted.ts";

const NOW = 1_800_000_000;
/** The device's own socket has the port. */
const PORT = { port: 51_820, isBound: true, holders: [] };
const device = { name: "cw-wg", up: true, mtu: 1420 };

function peer(change: Partial<WireGuardPeerState> = {}): WireGuardPeerState {
  return {
    publicKey: "key",
    endpoint: { address: "192.0.2.11", port: 51_820 },
    allowedIps: [cidr("10.244.2.0/24")],
    lastHandshake: NOW - 10,
    receivedBytes: 1,
    sentBytes: 1,
    ...change,
  };
}

const NONE: ReadonlySet<string> = new Set();

function check(...peers: readonly WireGuardPeerState[]) {
  return checkEncryption({
    device,
    state: { publicKey: "own", port: 51_820, fwmark: 0, peers },
    udp: PORT,
    unanswered: NONE,
    nowSeconds: NOW,
  });
}

test("checkEncryption() says nothing where nothing is encrypted", () => {
  assert.deepEqual(
    checkEncryption({
      device: undefined,
      state: undefined,
      udp: undefined,
      unanswered: NONE,
      nowSeconds: NOW,
    }),
    [],
  );
});

for (const { name, udp, evidence, remedy } of [
  {
    name: "brings a device up that somebody took down",
    udp: { ...PORT, isBound: false },
    evidence: "WireGuard device cw-wg is down",
    remedy: "ip link set dev cw-wg up",
  },
  {
    name: "names the program that has the port of a device that is down",
    udp: { ...PORT, holders: [{ pid: 77, name: "tunneld" }] },
    evidence: "process 77 (tunneld) uses UDP port 51820, so WireGuard device cw-wg cannot come up",
    remedy: "kill 77",
  },
  {
    name: "says that a program which it does not see has the port",
    udp: PORT,
    evidence:
      "a process not visible from here uses UDP port 51820, so WireGuard device cw-wg cannot come up; to find it:",
    remedy: "ss --udp --listening --numeric --processes 'sport = :51820'",
  },
])
  test(`checkEncryption() ${name}`, () => {
    const down = {
      device: { ...device, up: false },
      state: undefined,
      udp,
      unanswered: NONE,
      nowSeconds: NOW,
    };
    assert.deepEqual(checkEncryption(down), [{ name: "encryption", verdict: "fail", evidence, remedy }]);
  });

test("checkEncryption() says that the clock went back, and not within the second of a handshake", () => {
  assert.equal(check(peer({ lastHandshake: NOW + 1 }))[0]?.verdict, "ok");
  const [finding] = check(peer(), peer({ lastHandshake: NOW + 3600 }), peer({ lastHandshake: 0 }));
  assert.match(finding?.evidence ?? "", /the clock was set back after a handshake, which was 3600 s ahead/);
  assert.deepEqual([finding?.verdict, finding?.remedy], ["fail", "ip link delete dev cw-wg"]);
});

test("checkEncryption() names a node that was called and has never answered", () => {
  const findings = check(peer(), peer({ lastHandshake: 0 }));
  assert.deepEqual(
    findings.map(({ verdict }) => verdict),
    ["fail"],
  );
  assert.match(findings[0]?.evidence ?? "", /192\.0\.2\.11, UDP port 51820 has never answered a handshake/);
});

test("checkEncryption() names a node whose port was blocked after it had answered, and not once it answers again", () => {
  const seen = new Set(["blocked"]);
  const checkSeen = (lastHandshake: number) =>
    checkEncryption({
      device,
      state: {
        publicKey: "own",
        port: 51_820,
        fwmark: 0,
        peers: [peer(), peer({ publicKey: "blocked", lastHandshake })],
      },
      udp: PORT,
      unanswered: seen,
      nowSeconds: NOW,
    });
  assert.deepEqual(checkSeen(NOW - 900), [
    {
      name: "encryption",
      verdict: "fail",
      evidence:
        "the node at 192.0.2.11, UDP port 51820 has answered no handshake since the last one, 900 s ago: a packet filter between the nodes drops that port, or the node is down",
    },
  ]);
  assert.deepEqual(
    checkSeen(NOW - 10).map(({ verdict }) => verdict),
    ["ok"],
  );
});

test("checkEncryption() takes a node for well that has nothing to send", () => {
  const findings = check(
    peer(),
    peer({ lastHandshake: NOW - 86_400 }),
    peer({ lastHandshake: 0, sentBytes: 0 }),
  );
  assert.deepEqual(findings, [
    {
      name: "encryption",
      verdict: "ok",
      evidence:
        "cw-wg: 3 nodes with a key, 1 with a handshake in the last 3 minutes; others have nothing to send",
    },
  ]);
});

for (const { name, observed, verdicts, evidence } of [
  {
    name: "shows who gets the packet",
    observed: { peer: peer() },
    verdicts: ["ok", "ok"],
    evidence: /10 s ago/,
  },
  {
    name: "says that a device without the peer drops the packet",
    observed: { peer: undefined },
    verdicts: ["ok", "fail"],
    evidence: /cw-wg has no peer for 10\.244\.2\.7, and drops what goes there/,
  },
  {
    name: "says that the node has never answered",
    observed: { peer: peer({ lastHandshake: 0 }) },
    verdicts: ["ok", "fail"],
    evidence: /never answered/,
  },
  {
    name: "says that the node, which the agent has called, answers no more",
    observed: { peer: peer({ lastHandshake: NOW - 900 }), unanswered: new Set(["key"]) },
    verdicts: ["ok", "fail"],
    evidence: /has answered no handshake since the last one, 900 s ago/,
  },
  {
    name: "says that the clock was set back of a node whose calls are not answered",
    observed: { peer: peer({ lastHandshake: NOW + 900 }), unanswered: new Set(["key"]) },
    verdicts: ["ok", "fail"],
    evidence: /clock was set back: it takes none within the next 900 s/,
  },
  {
    name: "says that the device is down",
    observed: { device: { ...device, up: false }, peer: peer() },
    verdicts: ["fail"],
    evidence: /cw-wg is down/,
  },
])
  test(`explainEncrypted() ${name}`, () => {
    const findings = explainEncrypted(
      { device, unanswered: NONE, nowSeconds: NOW, ...observed },
      { destination: "10.244.2.7", nodeName: "node-1" },
    );
    assert.deepEqual(
      findings.map(({ verdict }) => verdict),
      verdicts,
    );
    assert.match(findings.at(-1)?.evidence ?? "", evidence);
  });
