import assert from "node:assert/strict";
import { test } from "node:test";
import { showValue } from "./show-value.ts";

const circle: unknown[] = [1];
circle.push(circle);
const many = Array.from({ length: 100_000 }, (_, index) => index);

const cases: readonly { readonly name: string; readonly value: unknown; readonly want: string }[] = [
  { name: "a text as JSON", value: 'a"b', want: '"a\\"b"' },
  { name: "what is missing", value: undefined, want: "undefined" },
  { name: "a number that JSON has not", value: Number.NaN, want: "NaN" },
  {
    name: "an object as JSON",
    value: { port: 80, names: ["a", null] },
    want: '{"port":80,"names":["a",null]}',
  },
  { name: "empty ones", value: [{}, []], want: "[{},[]]" },
  { name: "a list that holds itself", value: circle, want: "[1,[1,[1,[…]]]]" },
  { name: "the start of a long text", value: "x".repeat(1e6), want: `"${"x".repeat(127)}…` },
  { name: "the start of a long list", value: many, want: `${JSON.stringify(many).slice(0, 128)}…` },
  { name: "the start of a long key", value: { ["k".repeat(1e6)]: 1 }, want: `{"${"k".repeat(126)}…` },
];

for (const { name, value, want } of cases)
  test(`showValue() shows ${name}`, () => {
    assert.equal(showValue(value), want);
  });

test("showValue() shows a value of many lists of many lists at once", () => {
  const before = process.cpuUsage();
  showValue(Array.from({ length: 1000 }, () => many.slice(0, 1000).map(() => many)));
  const { user, system } = process.cpuUsage(before);
  assert.ok(user + system < 1e6, `${(user + system) / 1e3} ms of CPU`);
});
