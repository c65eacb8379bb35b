/** A phrase that no engineer of this field would write, and what to write instead. */
export interface BannedPhrase {
  readonly pattern: RegExp;
  readonly instead: string;
}

/** From reviews: each of them was in a message once. */
export const BANNED_PHRASES: readonly BannedPhrase[] = [
  { pattern: /(?<!there )\b(is|are) no (?!longer\b|more\b|other\b)[a-z]/i, instead: '"is not a …"' },
  { pattern: /\btoo much\b/i, instead: '"unexpected …"' },
  { pattern: /\bof (others|somebody else)\b/i, instead: '"foreign"' },
  { pattern: /\b(somebody|whoever)\b/i, instead: "who it is, or the passive" },
  { pattern: /\bnobody\b/i, instead: '"nothing", or what is missing' },
  { pattern: /\bputs? back\b/i, instead: '"restores", "repaired"' },
  { pattern: /\b(can(not| not)?) be told\b/i, instead: '"unknown"' },
  { pattern: /\btells\b/i, instead: '"shows", "reports"' },
  { pattern: /\bof no use\b/i, instead: '"has no effect because …"' },
  { pattern: /\bcosts? pods\b/i, instead: '"drops pod traffic"' },
  { pattern: /\b(without a|the|no) way (to|on|back)\b/i, instead: '"route", "path", "unreachable"' },
  { pattern: /\blead(s)? host port\b/i, instead: '"map host port"' },
  { pattern: /\bas (it|they) must be\b/i, instead: '"as planned"' },
  { pattern: /\bof Causeway's\b/i, instead: '"Causeway …"' },
  { pattern: /\bdoes not count\b/i, instead: '"is ignored"' },
  { pattern: /\bsupported are\b/i, instead: '"supported values are"' },
  { pattern: /\banew\b/i, instead: '"again", "from scratch"' },
];

/** More words than this in one sentence are read twice. */
export const MAX_WORDS = 45;

export interface ProseFault {
  readonly line: number;
  readonly fault: string;
}

const LITERAL = /"(?:[^"\\\n]|\\.)*"|`(?:[^`\\\n]|\\.)*`/g;
const NO_MESSAGE = /^\s*(?:import\b|export .* from|\*|\/\/|\/\*)|\bfrom "/;

/**
 * Faults in the texts of a TypeScript file: literals of several words, with what is filled in taken for one
 * word.
 */
export function findProseFaults(source: string): readonly ProseFault[] {
  return source.split("\n").flatMap((text, index) => {
    if (NO_MESSAGE.test(text)) return [];
    const messages = [...text.matchAll(LITERAL)].map(([literal]) => literal.slice(1, -1)).filter(isMessage);
    return messages.flatMap((message) => judge(message).map((fault) => ({ line: index + 1, fault })));
  });
}

/** What to write in the place of each phrase of a text that is banned. */
export function bannedIn(text: string, phrases: readonly BannedPhrase[]): readonly string[] {
  return phrases
    .filter(({ pattern }) => pattern.test(text))
    .map(({ pattern, instead }) => `"${text.match(pattern)?.[0]}": write ${instead}`);
}

function isMessage(text: string): boolean {
  return / \S+ /.test(text);
}

function judge(message: string): readonly string[] {
  const text = message.replaceAll(/\$\{[^}]*\}/g, "X");
  const longest = Math.max(...text.split(/[.;:] /).map((sentence) => sentence.split(/\s+/).length));
  return [
    ...bannedIn(text, BANNED_PHRASES),
    ...(longest > MAX_WORDS ? [`a sentence of ${longest} words: at most ${MAX_WORDS}`] : []),
  ];
}
