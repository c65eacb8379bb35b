import { existsSync, readFileSync } from "node:fs";

const REPOSITORY = new URL("../../../", import.meta.url);

/** A test that a document names. */
export interface NamedTest {
  /** Below the repository. */
  readonly file: string;
  /** A template as it is written, or filled in; "…" stands for what is between, or for the rest. */
  readonly name: string;
}

/** A file in backquotes, and behind a colon its tests: `agent/a.test.ts`: `does this`, `does that`. */
const REFERENCES =
  /`((?:agent|bench|charts|cni-shim|deploy|e2e)\/[^`\s]+\.ts)`:\s+(`[^`]+`(?:,\s+`[^`]+`(?!:))*)/g;

/** The tests that a Markdown text names so, also across lines. */
export function namedTests(text: string): readonly NamedTest[] {
  return [...text.matchAll(REFERENCES)].flatMap(([, file = "", names = ""]) =>
    [...names.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => {
      return { file, name: name.replace(/\s+/g, " ").replaceAll("\\|", "|") };
    }),
  );
}

/** Calls that make a test, with its name in quotes, or in a variable. */
const CALLS =
  /\b(?:test|testInLab|testNetworks)\(\s*(?:(["`])(?<text>(?:\\.|(?!\1)[^\\])*)\1|(?<variable>\w+),)/g;

/** Names of the tests in a source text, templates as they are written, and so a variable: `${name}`. */
export function testNames(source: string): readonly string[] {
  return [...source.matchAll(CALLS)].map(({ groups }) => groups?.["text"] ?? `\${${groups?.["variable"]}}`);
}

export function hasTest({ file, name }: NamedTest): boolean {
  const url = new URL(file, REPOSITORY);
  if (!existsSync(url)) return false;
  const source = readFileSync(url, "utf8");
  return testNames(source).some((template) => isNamed(name, template) || isFilledIn(name, template, source));
}

/** Whether the name is the template's, as far as "…" lets it tell. */
export function isNamed(name: string, template: string): boolean {
  const [start = "", ...rest] = name.split("…").map((part) => part.trim());
  if (rest.length === 0) return name === template;
  return template.startsWith(start) && template.endsWith(rest.at(-1) ?? "");
}

/** Whether the name is the template with texts or numbers in it that the source has. */
function isFilledIn(name: string, template: string, source: string): boolean {
  const fixed = template.split(/\$\{[^}]*\}/).map((part) => escapeText(part));
  const values = new RegExp(`^${fixed.join("(.+)")}$`).exec(name)?.slice(1) ?? [];
  return values.length > 0 && values.every((value) => isWritten(value, source));
}

function isWritten(value: string, source: string): boolean {
  if (/^[\d_.]+$/.test(value)) return new RegExp(`\\b${escapeText(value)}\\b`).test(source);
  return ['"', "'", "`"].some((quote) => source.includes(`${quote}${value}${quote}`));
}

function escapeText(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}
