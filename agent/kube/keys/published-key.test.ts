import assert from "node:assert/strict";
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
