import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { anyCharacter } from "../testing/any-text.ts";
import { printable, printableJson } from "./printable.ts";

const TRICKS: readonly { readonly name: string; readonly text: string; readonly want: string }[] = [
  { name: "an escape sequence", text: "a\u001b[31mb", want: "a\ufffd[31mb" },
  { name: "a C1 control sequence", text: "a\u009b31mb", want: "a\ufffd31mb" },
  { name: "a bell and a delete", text: "\u0007\u007f", want: "\ufffd\ufffd" },
  { name: "a forged line", text: "ok\r\nFAIL", want: "ok\ufffd\ufffdFAIL" },
  { name: "a line separator", text: "ok\u2028FAIL\u2029", want: "ok\ufffdFAIL\ufffd" },
  {
    name: "text that is turned around",
    text: "\u202egnp.exe\u202c\u2066\u2069",
    want: "\ufffdgnp.exe\ufffd\ufffd\ufffd",
  },
  { name: "an invisible tag", text: "a\u{e0041}b", want: "a\ufffdb" },
  { name: "half a pair", text: "a\ud800b", want: "a\ufffdb" },
  { name: "what people write", text: "Größe 日本 🙂 → …", want: "Größe 日本 🙂 → …" },
];

for (const { name, text, want } of TRICKS) {
  test(`printable() shows ${name}`, () => assert.equal(printable(text), want));
}

test("printableJson() means the same and is printable", () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: anyCharacter }), (value) => {
      const json = printableJson(JSON.stringify(value, undefined, 1));
      assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify(value)));
      assert.equal(printable(json.replaceAll("\n", "")), json.replaceAll("\n", ""));
    }),
  );
  const evil = { "\u009b2J": "\u202e\u{e0041}\n" };
  assert.equal(printableJson(JSON.stringify(evil)), String.raw`{"\u009b2J":"\u202e\udb40\udc41\n"}`);
});
