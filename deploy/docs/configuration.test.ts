import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as v from "valibot";
import { CONFIGURATION_DOC, writeConfigurationDoc } from "./configuration.ts";
import { documentSettings } from "./document-settings.ts";
import { documentValues } from "./document-values.ts";

test("docs/configuration.md is current; else run: npm run docs", () => {
  assert.equal(readFileSync(CONFIGURATION_DOC, "utf8"), writeConfigurationDoc());
});

test("documentSettings() tells key, flag, what is taken, default and help", () => {
  const option = { flag: "log-format", value: "json|pretty", help: "one a line, a|b" };
  const number = { flag: "mtu", value: "BYTES", help: "size", multiple: true } as const;
  const table = documentSettings({
    logFormat: { ...option, schema: v.optional(v.string(), "json") },
    sizes: { ...number, schema: v.optional(v.array(v.number()), []) },
    path: { flag: "path", value: "PATH", help: "where", schema: v.optional(v.string()) },
  });
  assert.deepEqual(table.split("\n").slice(2), [
    "| `logFormat` | `--log-format` | json\\|pretty | `json` | one a line, a\\|b |",
    "| `sizes` | `--mtu` | BYTES, repeated; a list in the file | none | size |",
    "| `path` | `--path` | PATH |  | where |",
  ]);
});

test("documentValues() tells values with their comments, and stops where the schema does", () => {
  const text = [
    "# The first of",
    "# two lines.",
    "image:",
    "  # Which.",
    "  tag: ''",
    "  digest: null",
    "labels:",
    "  a: b",
    "left: out",
  ].join("\n");
  const schema = { properties: { image: { properties: { tag: {}, digest: {} } }, labels: {}, left: {} } };
  assert.deepEqual(
    documentValues(text, schema, new Set(["left"]))
      .split("\n")
      .slice(2),
    [
      "| `image` | | The first of two lines. |",
      '| `image.tag` | `""` | Which. |',
      "| `image.digest` | `null` |  |",
      '| `labels` | `{"a":"b"}` |  |',
    ],
  );
});
