import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { judgeSentence } from "./document-prose.ts";
import { sentencesOf } from "./sentences.ts";

const CHART = join(import.meta.dirname, "../../../charts/causeway");

interface Panel {
  readonly title: string;
  readonly description?: string;
  readonly panels?: readonly Panel[];
}

/** What operators read of the chart besides the documents, by file: its texts. */
const TEXTS: Readonly<Record<string, (file: string) => readonly string[]>> = {
  "values.yaml": commentsOf,
  "files/rules.yaml": alertTexts,
  "files/dashboard.json": (file) => (JSON.parse(file) as { panels: Panel[] }).panels.flatMap(panelTexts),
  "templates/NOTES.txt": (file) => [file.replaceAll(/\{\{.*?\}\}/g, "X")],
};

for (const [path, textsOf] of Object.entries(TEXTS))
  test(`${path} of the chart is plain prose, as the documents are: an alert has no riddles`, () => {
    const texts = textsOf(readFileSync(join(CHART, path), "utf8"));
    assert.ok(texts.length > 0);
    const faults = texts.flatMap((text) =>
      sentencesOf(text).flatMap((sentence) => judgeSentence(sentence.text)),
    );
    assert.deepEqual(faults, []);
  });

/** Comments of a YAML file; lines that follow each other are one. */
function commentsOf(file: string): readonly string[] {
  return [...file.matchAll(/(?:^ *#.*\n)+/gm)].map(([lines]) => lines.replaceAll(/^ *# ?/gm, ""));
}

function alertTexts(file: string): readonly string[] {
  const { groups } = parse(file) as {
    groups: readonly {
      rules: readonly { annotations: Readonly<Record<"summary" | "description", string>> }[];
    }[];
  };
  const rules = groups.flatMap((group) => group.rules);
  return rules.flatMap(({ annotations: { summary, description } }) =>
    [summary, description].map((text) => text.replaceAll(/\{\{.*?\}\}/g, "X")),
  );
}

function panelTexts({ title, description = "", panels = [] }: Panel): readonly string[] {
  return [title, description, ...panels.flatMap(panelTexts)];
}
