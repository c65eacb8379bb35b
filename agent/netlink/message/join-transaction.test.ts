import assert from "node:assert/strict";
import { test } from "node:test";
import { changeElements } from "../nft/nft-elements.ts";
import { NFPROTO_INET } from "../constants.ts";
import { addElements } from "../nft/table/nft-set-elements.ts";
import { encodeBatch, numberRequests, parseMessages, type Requests } from "./message.ts";
import { joinTransaction } from "./join-transaction.ts";

const own = changeElements({
  table: "causeway",
  verb: "add",
  elements: [
    { family: "bridge", set: "sources4", key: [Uint8Array.of(1, 2, 3, 4)], data: [] },
    { family: "bridge", set: "sources6", key: [Uint8Array.of(5, 6, 7, 8)], data: [] },
  ],
});
const joinedChanges = addElements({ family: NFPROTO_INET, table: "causeway-policy", set: "any" }, [
  { key: Uint8Array.of(10, 0, 0, 1) },
]);

/** The same transaction, encoded before it is known what joins it. */
function encoded(): Requests {
  const bytes = encodeBatch([own], 0);
  const offsets = parseMessages(bytes).map(({ payload }) => payload.byteOffset - bytes.byteOffset - 16);
  return { bytes, offsets, isTransaction: true, requests: () => [own] };
}

function bytesOf(requests: Requests): Buffer {
  return "offsets" in requests ? numberRequests(requests, 7) : encodeBatch(requests, 7);
}

test("joinTransaction() gives one transaction, whether it was encoded before or not", () => {
  const joined = bytesOf(joinTransaction([own], joinedChanges));
  assert.deepEqual(bytesOf(joinTransaction(encoded(), joinedChanges)), joined);
  const messages = parseMessages(joined);
  assert.equal(messages.length, 5);
  assert.deepEqual([...new Set(messages.map(({ seq }) => seq))], [7]);
  assert.ok(messages[1]?.payload.includes("causeway-policy"));
});

test("joinTransaction() leaves a transaction alone that nothing joins", () => {
  const transaction = encoded();
  assert.equal(joinTransaction(transaction, []), transaction);
});

test("joinTransaction() refuses what is not a transaction: the kernel would take it apart", () => {
  assert.throws(
    () => joinTransaction([{ ...own, around: { before: [], after: [] } }], joinedChanges),
    RangeError,
  );
});
