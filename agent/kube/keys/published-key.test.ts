import assert from "node:assert/strict";
import { createPublicKey, diffieHellman, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { fakeKey } from "../../testing/cluster/fake-wireguard.ts";
import { formatKey, parseKey } from "./published-key.ts";

const publicKey = fakeKey("a");
const port = 51_820;

test("parseKey() reads what formatKey() writes, and nothing where there is no annotation", () => {
  assert.deepEqual(parseKey(formatKey({ publicKey, port })), { publicKey, port });
  assert.equal(parseKey(undefined), undefined);
});

for (const { annotation, fault } of [
  { annotation: "{", fault: '"{" is not JSON' },
  { annotation: "[]", fault: "[] is not an object" },
  { annotation: JSON.stringify({ port }), fault: "publicKey undefined is not 32 bytes in base64" },
  {
    annotation: JSON.stringify({ publicKey: "AAAA", port }),
    fault: 'publicKey "AAAA" is not 32 bytes in base64',
  },
  {
    // Bits that 32 bytes do not have.
    annotation: JSON.stringify({ publicKey: `${"A".repeat(42)}B=`, port }),
    fault: `publicKey "${"A".repeat(42)}B=" is not 32 bytes in base64`,
  },
  { annotation: JSON.stringify({ publicKey, port: 0 }), fault: "port 0 is not 1 to 65535" },
  {
    // One peer would be two, one with the node's prefixes and one without.
    annotation: JSON.stringify({ publicKey, port, next: { publicKey, port: 51_821 } }),
    fault: "next: it is the key in use",
  },
  {
    annotation: JSON.stringify({ publicKey, port, next: {} }),
    fault: "next: publicKey undefined is not 32 bytes in base64",
  },
  { annotation: JSON.stringify({ publicKey, port: "1" }), fault: 'port "1" is not 1 to 65535' },
])
  test(`parseKey() says that ${fault}`, () => assert.deepEqual(parseKey(annotation), { fault }));

/** Whether X25519 gives anything with this key. */
function isAgreed(key: Buffer): boolean {
  const jwk = { kty: "OKP", crv: "X25519", x: key.toString("base64url") };
  const { privateKey } = generateKeyPairSync("x25519");
  try {
    const agreed = diffieHellman({ privateKey, publicKey: createPublicKey({ key: jwk, format: "jwk" }) });
    return agreed.some(Boolean);
  } catch {
    return false;
  }
}

const prime = 2n ** 255n - 19n;
const eighth = 325606250916557431795983626356110631294008115727848805560023387167927233504n;
const otherEighth = 39382357235489614581723060781553021112529911719440698176882885853963445705823n;

for (const point of [0n, 1n, eighth, otherEighth, prime - 1n, prime, prime + 1n])
  for (const topBit of [0n, 2n ** 255n]) {
    const hex = (point + topBit).toString(16).padStart(64, "0");
    const bytes = Buffer.from(Buffer.from(hex, "hex").toReversed());
    const text = bytes.toString("base64");
    test(`parseKey() takes no key with which nobody can agree on another: ${text}`, () => {
      assert.equal(isAgreed(bytes), false);
      assert.deepEqual(parseKey(JSON.stringify({ publicKey: text, port })), {
        fault: `publicKey "${text}" has no private key`,
      });
    });
    test(`parseKey() takes the key beside ${text}`, () => {
      const near = Buffer.from(bytes);
      near.writeUInt8(near.readUInt8(0) ^ 0x10, 0);
      assert.equal(isAgreed(near), true);
      const key = { publicKey: near.toString("base64"), port };
      assert.deepEqual(parseKey(JSON.stringify(key)), key);
    });
  }
