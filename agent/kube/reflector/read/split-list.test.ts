import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { anyText } from "../../../testing/any-text.ts";
import { createListSplitter } from "./split-list.ts";

/** Splits `json`, fed in pieces of `size` bytes. */
function split(json: string, size: number, maxItemBytes = 1_000_000): { items: unknown[]; frame: unknown } {
  const items: unknown[] = [];
  const splitter = createListSplitter({ onItem: (text) => items.push(JSON.parse(text)), maxItemBytes });
  const bytes = Buffer.from(json);
  for (let start = 0; start < bytes.length; start += size) splitter.push(bytes.subarray(start, start + size));
  return { items, frame: JSON.parse(splitter.end()) };
}

test("createListSplitter() gives the elements of any list, however it is cut and spaced", () => {
  const document = fc.record({
    kind: anyText,
    metadata: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })),
    items: fc.array(fc.jsonValue({ maxDepth: 3 })),
    more: fc.jsonValue({ maxDepth: 2 }),
  });
  fc.assert(
    fc.property(document, fc.integer({ min: 1, max: 64 }), fc.constantFrom(0, 2), (value, size, indent) => {
      const json = JSON.stringify(value, undefined, indent);
      const want = JSON.parse(json) as typeof value;
      const { items, frame } = split(json, size);
      assert.deepEqual(items, want.items);
      assert.deepEqual(frame, { ...want, items: [] });
    }),
  );
});

const frames: readonly {
  readonly name: string;
  readonly json: string;
  readonly items: readonly unknown[];
}[] = [
  { name: "takes items at the top level only", json: '{"metadata":{"items":[1]},"items":[2]}', items: [2] },
  { name: "is not misled by the value items", json: '{"kind":"items","list":[1],"items":[2]}', items: [2] },
  {
    name: "is not misled by brackets in strings",
    json: '{"items":["]",{"a":"}\\"]"}]}',
    items: ["]", { a: '}"]' }],
  },
  { name: "takes an empty list", json: '{"items":[ ]}', items: [] },
  { name: "takes no list at all", json: '{"kind":"Status"}', items: [] },
  { name: "takes null for the list", json: '{"items":null,"x":[1]}', items: [] },
];
for (const { name, json, items } of frames)
  test(`createListSplitter() ${name}`, () => assert.deepEqual(split(json, 3).items, items));

test("createListSplitter() never hangs, and cut or damaged documents are no JSON at the end", () => {
  const json = '{"kind":"NodeList","items":[{"a":1},{"b":[2]}],"metadata":{}}';
  for (let end = 0; end < json.length; end++)
    assert.throws(() => split(json.slice(0, end), 5), SyntaxError, json.slice(0, end));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const splitter = createListSplitter({ onItem: () => undefined, maxItemBytes: 1000 });
      splitter.push(bytes);
      assert.equal(typeof splitter.end(), "string");
    }),
  );
});

test("createListSplitter() bounds an element and the frame", () => {
  assert.throws(() => split(`{"items":["${"x".repeat(200)}"]}`, 16, 100), {
    name: "RangeError",
    message: "an element of the list is larger than 100 bytes",
  });
  assert.throws(() => split(`{"kind":"${"x".repeat(70_000)}"}`, 1024), {
    name: "RangeError",
    message: "the list has more than 65536 bytes around its elements",
  });
});
