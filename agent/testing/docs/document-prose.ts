import { BANNED_PHRASES, bannedIn, type BannedPhrase, type ProseFault } from "../runner/prose.ts";
import { countWords, proseLines, sentencesOf } from "./sentences.ts";

/** Phrases that documents must do without, beside those that messages do. */
const BANNED_IN_DOCUMENTS: readonly BannedPhrase[] = [
  ...BANNED_PHRASES,
  { pattern: /\bwoken\b/i, instead: '"on call", "paged"' },
  { pattern: /\b(?:oldest|last|first) words?\b/i, instead: "the message, or when it comes" },
  {
    pattern: /\ba (?:\w+-)?(?:fifth|sixth|seventh|eighth|ninth|\w+(?:ieth|teenth)) (?!of\b)/i,
    instead: '"n % of"',
  },
  { pattern: /(?:^|[;:,] )who (?:takes|sends|waits|needs|writes|reads|floods|may)\b/i, instead: "a noun" },
  { pattern: /\bof ours\b/i, instead: '"of Causeway", "our …"' },
  { pattern: /\bbut for\b/i, instead: '"except"' },
  { pattern: /\bmends?\b/i, instead: '"fixes", "repairs"' },
  {
    pattern:
      /\b(?:packets?|pods?|answers?)(?:'s?)? ways?\b|\bways? (?:of (?:a |the )?packets?|to (?:other|all) )/i,
    instead: '"path", "route"',
  },
  { pattern: /\bhardly\b/i, instead: '"rarely", "much less"' },
  { pattern: /\bamid\b/i, instead: '"among"' },
  { pattern: /\bin vain\b/i, instead: '"fails", "without effect"' },
  { pattern: /\bgo(?:es)? on (?:being|as)\b/i, instead: '"keep", "continue"' },
  { pattern: /\bany more\b/i, instead: '"no longer"' },
  { pattern: /\bthe house\b/i, instead: '"the repository"' },
  { pattern: /\b(?:is|are) told\b/i, instead: "who learns it, and how" },
  { pattern: /\bwhat is (?:ours|wrong|there)\b/i, instead: "the noun itself" },
];

/** Bounds of a document's sentences, in words. */
export const MEAN_WORDS = 20;
export const MAX_WORDS = 40;
/** Share of sentences that may have a verb in the passive. */
const PASSIVE_SHARE = 0.25;
export const COLUMNS = 100;

/** Share and mean say nothing about fewer sentences. */
const MIN_SENTENCES = 12;

const PARTICIPLES =
  "given|taken|made|known|seen|written|read|kept|put|set|sent|shown|held|left|lost|found|told|done|built|drawn|chosen|hidden|broken|run|cut|met|meant|brought|caught|bound";
const PASSIVE = new RegExp(
  `\\b(?:is|are|was|were|be|been|being)\\s+(?:(?:not|never|also|only|still|then|always|\\w+ly)\\s+)*(?:\\w{2,}ed|${PARTICIPLES})\\b`,
  "i",
);

/** What makes a Markdown document hard to read, with the line on which its paragraph begins. */
export function findDocumentFaults(markdown: string): readonly ProseFault[] {
  const sentences = sentencesOf(markdown);
  return [
    ...sentences.flatMap(({ text, line }) => judgeSentence(text).map((fault) => ({ line, fault }))),
    ...judgeAll(sentences.filter(({ isCell }) => !isCell).map(({ text }) => text)),
    ...proseLines(markdown)
      .filter(({ text }) => text.length > COLUMNS && canBeWrapped(text))
      .map(({ text, line }) => ({ line, fault: `${text.length} columns: wrap at ${COLUMNS}` })),
  ];
}

/** Banned phrases of one sentence, and its length. */
export function judgeSentence(sentence: string): readonly string[] {
  const words = countWords(sentence);
  return [
    ...bannedIn(sentence, BANNED_IN_DOCUMENTS),
    ...(words > MAX_WORDS ? [`a sentence of ${words} words, at most ${MAX_WORDS}: ${sentence}`] : []),
  ];
}

function judgeAll(sentences: readonly string[]): readonly ProseFault[] {
  if (sentences.length < MIN_SENTENCES) return [];
  const mean = sentences.reduce((sum, text) => sum + countWords(text), 0) / sentences.length;
  const passive = sentences.filter((text) => PASSIVE.test(text)).length / sentences.length;
  return [
    ...(mean > MEAN_WORDS
      ? [{ line: 1, fault: `${mean.toFixed(1)} words a sentence, at most ${MEAN_WORDS}` }]
      : []),
    ...(passive > PASSIVE_SHARE
      ? [
          {
            line: 1,
            fault: `${Math.round(passive * 100)} % of sentences in the passive, at most ${PASSIVE_SHARE * 100} %`,
          },
        ]
      : []),
  ];
}

/** A line that is one long word or code span cannot be. */
function canBeWrapped(line: string): boolean {
  return /\S\s+\S/.test(line.replace(/^\s*(?:[-*+]|\d+\.)\s+/, "").replaceAll(/`[^`]*`/g, "CODE"));
}
