import assert from "node:assert/strict";
import { test } from "node:test";
import { setLink } from "../../netlink/link/link.ts";
import { createLinkParser } from "./link-parser.ts";

const message = (index: number, mtu: number): Buffer => {
  const [header = new Uint8Array(), ...rest] = setLink(index, { mtu }).payload;
  const name = Uint8Array.of(8, 0, 3, 0, 0x63, 0x77, 0x30 + index, 0);
  return Buffer.concat([header, name, ...rest]);
};

test("a parser of links reads a link again when its message has changed, under whatever index it was known", () => {
  const parse = createLinkParser();
  const [one, two] = parse([message(1, 1400), message(2, 1400)]);
  assert.equal(one?.name, "cw1");
  const again = parse([message(2, 1400), message(1, 1300)]);
  assert.equal(again[0], two);
  assert.deepEqual(again[1], { ...one, mtu: 1300 });
  assert.deepEqual(parse([message(1, 1400)]), [one]);
});

test("a parser of links keeps nothing of the dump that it has read, and forgets links that have gone", () => {
  const parse = createLinkParser();
  const payload = message(1, 1400);
  const [before] = parse([payload]);
  payload.fill(0, 16);
  assert.equal(parse([message(1, 1400)])[0], before);
  for (let index = 2; index < 1000; index++) parse([message(index, 1400)]);
  const [after] = parse([message(1, 1400)]);
  assert.notEqual(after, before);
  assert.deepEqual(after, before);
});
