import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addressFromBytes } from "../../net/address.ts";
import { macFromBytes } from "../../net/mac.ts";
import { attribute } from "../message/attributes.ts";
import { NDA_CACHEINFO } from "../constants.ts";
import {
  addFdbEntry,
  addNeighbour,
  deleteFdbEntry,
  deleteNeighbour,
  type FdbEntry,
  parseFdbEntry,
  parseNeighbour,
  parseNeighbourAge,
  replaceFdbEntry,
  replaceNeighbour,
} from "./neighbour.ts";

const linkIndex = fc.integer({ min: 1, max: 0x7fffffff });
const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(macFromBytes);
const address = fc
  .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map(addressFromBytes);

test("addNeighbour() and replaceNeighbour() write what parseNeighbour() reads", () => {
  fc.assert(
    fc.property(fc.record({ linkIndex, address, mac }), (entry) => {
      for (const request of [addNeighbour(entry), replaceNeighbour(entry)]) {
        assert.deepEqual(parseNeighbour(Buffer.concat(request.payload)), { ...entry, permanent: true });
      }
    }),
  );
});

test("parseNeighbour() reads an entry that is being resolved: no MAC address", () => {
  const payload = Buffer.concat(deleteNeighbour({ linkIndex: 3, address: "10.0.0.1" }).payload);
  payload.writeUInt16LE(1, 8);
  assert.deepEqual(parseNeighbour(payload), {
    linkIndex: 3,
    address: "10.0.0.1",
    mac: undefined,
    permanent: false,
  });
});

test("addFdbEntry(), replaceFdbEntry() and deleteFdbEntry() write what parseFdbEntry() reads", () => {
  const entries: fc.Arbitrary<FdbEntry> = fc.record(
    {
      linkIndex,
      mac,
      owner: fc.constantFrom("master" as const, "self" as const),
      destination: fc.option(address, { nil: undefined }),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(entries, (entry) => {
      for (const request of [addFdbEntry(entry), replaceFdbEntry(entry), deleteFdbEntry(entry)]) {
        const read = parseFdbEntry(Buffer.concat(request.payload));
        assert.deepEqual(read, { ...entry, fixed: true, masterIndex: undefined });
      }
    }),
  );
});

test("parseNeighbourAge() reads the age of a permanent entry alone", () => {
  const times = Buffer.alloc(16);
  times.writeUInt32LE(123, 8);
  const permanent = addNeighbour({ linkIndex: 3, address: "10.0.0.1", mac: "0a:58:0a:00:00:01" }).payload;
  const aged = Buffer.concat([...permanent, ...attribute(NDA_CACHEINFO, times)]);
  assert.deepEqual(parseNeighbourAge(aged), { address: "10.0.0.1", ageMs: 1230 });
  assert.equal(parseNeighbourAge(Buffer.concat(permanent)), undefined);
  aged.writeUInt16LE(2, 8);
  assert.equal(parseNeighbourAge(aged), undefined);
});
