/** A sentence of a document, with code and links as the words that a reader sees. */
export interface Sentence {
  readonly text: string;
  /** Of the line on which its paragraph, list item or table row begins, from 1. */
  readonly line: number;
  /** Cells are often fragments, and count for the longest sentence only. */
  readonly isCell: boolean;
}

interface Block {
  readonly text: string;
  readonly line: number;
  readonly isCell: boolean;
}

const ENDS_SENTENCE = /(?<=[.!?][)"*_]*)\s+(?=\S)/;
/** In a cell, what semicolons part is a list. */
const ENDS_PHRASE = /(?<=[.!?;][)"*_]*)\s+(?=\S)/;
const OWN_BLOCK = /^\s*(?:[-*+]|\d+\.)\s+/;
const ENDS_BLOCK = /^\s*$|^#{1,6} |^\s*<|^>|^---$/;

/**
 * The sentences of a Markdown text: paragraphs, list items and table cells, without headings, code blocks and
 * HTML.
 */
export function sentencesOf(markdown: string): readonly Sentence[] {
  return blocksOf(blankCode(markdown)).flatMap((block) =>
    readable(block.text)
      .split(block.isCell ? ENDS_PHRASE : ENDS_SENTENCE)
      .filter((text) => countWords(text) > 1)
      .map((text) => ({ text, line: block.line, isCell: block.isCell })),
  );
}

/** Lines of prose, with their numbers: no table, no code block, no HTML. */
export function proseLines(markdown: string): readonly { readonly text: string; readonly line: number }[] {
  return blankCode(markdown)
    .split("\n")
    .map((text, index) => ({ text, line: index + 1 }))
    .filter(({ text }) => !/^\s*(?:\||<)/.test(text));
}

export function countWords(text: string): number {
  return text.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length;
}

/** Lines of code blocks are emptied, so that line numbers stay. */
function blankCode(markdown: string): string {
  return markdown.replaceAll(/^( *)```.*?^\1```$/gms, (block) => block.replaceAll(/[^\n]/g, ""));
}

function blocksOf(markdown: string): readonly Block[] {
  const blocks: Block[] = [];
  let open: Block | undefined;
  const close = (): void => {
    if (open) blocks.push(open);
    open = undefined;
  };
  for (const [index, text] of markdown.split("\n").entries()) {
    const line = index + 1;
    if (text.trimStart().startsWith("|")) {
      close();
      blocks.push(...cellsOf(text).map((cell) => ({ text: cell, line, isCell: true })));
    } else if (ENDS_BLOCK.test(text)) close();
    else if (OWN_BLOCK.test(text)) {
      close();
      open = { text: text.replace(OWN_BLOCK, ""), line, isCell: false };
    } else open = { text: `${open?.text ?? ""} ${text.trim()}`, line: open?.line ?? line, isCell: false };
  }
  close();
  return blocks;
}

function cellsOf(row: string): readonly string[] {
  if (/^\s*\|[\s:|-]+$/.test(row)) return [];
  return row
    .trimStart()
    .slice(1)
    .split(/(?<!\\)\|/)
    .flatMap((cell) => cell.split("<br>"))
    .map((cell) => cell.trim())
    .filter((cell) => cell !== "");
}

/** Text as a reader counts it: a code span is one word, a link is its text. */
function readable(text: string): string {
  return text
    .replaceAll(/`[^`]+`/g, "CODE")
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll(/\b(e\.g|i\.e|cf|etc|vs)\./g, "$1")
    .trim();
}
