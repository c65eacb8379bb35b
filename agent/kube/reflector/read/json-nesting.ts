const QUOTE = 0x22;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** What matters outside strings, and inside one. Regular expressions are fast however often they have run. */
const QUOTE_OR_BRACKET = /["[\]{}]/g;
const QUOTE_OR_BACKSLASH = /["\\]/g;

/** Where in a JSON document we are, as far as strings and brackets tell. */
export interface JsonNesting {
  /** Brackets that are open. */
  depth: number;
  isInString: boolean;
  /** The next byte is part of an escape sequence. */
  isEscaped: boolean;
}

export function beginNesting(): JsonNesting {
  return { depth: 0, isInString: false, isEscaped: false };
}

/** Follows one byte. */
export function followByte(nesting: JsonNesting, byte: number): void {
  if (nesting.isInString) {
    if (nesting.isEscaped) nesting.isEscaped = false;
    else if (byte === BACKSLASH) nesting.isEscaped = true;
    else if (byte === QUOTE) nesting.isInString = false;
    return;
  }
  if (byte === QUOTE) nesting.isInString = true;
  else if (byte === OPEN_LIST || byte === OPEN_OBJECT) nesting.depth++;
  else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) nesting.depth--;
}

/**
 * Goes on from `start` until no more than `depth` brackets are open, or to the end of what is there; gives
 * the index of what follows. `text`: bytes as Latin-1.
 */
export function skipDeeper(nesting: JsonNesting, depth: number, text: string, start: number): number {
  let index = start;
  if (nesting.isEscaped) {
    nesting.isEscaped = false;
    index++;
  }
  while (nesting.depth > depth) {
    const pattern = nesting.isInString ? QUOTE_OR_BACKSLASH : QUOTE_OR_BRACKET;
    pattern.lastIndex = index;
    if (!pattern.test(text)) return text.length;
    index = pattern.lastIndex;
    switch (text.charCodeAt(index - 1)) {
      case QUOTE:
        nesting.isInString = !nesting.isInString;
        break;
      case BACKSLASH:
        if (index === text.length) nesting.isEscaped = true;
        index++;
        break;
      case OPEN_LIST:
      case OPEN_OBJECT:
        nesting.depth++;
        break;
      default:
        nesting.depth--;
    }
  }
  return index;
}
