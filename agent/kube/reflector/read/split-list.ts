const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** What matters inside an element, and inside a string. Regular expressions are fast however often they have run. */
const QUOTE_OR_BRACKET = /["[\]{}]/g;
const QUOTE_OR_BACKSLASH = /["\\]/g;

/** Bound for all that is around the elements: kind, version and continue token need a few hundred bytes. */
const MAX_FRAME_BYTES = 65_536;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export interface ListSplitterOptions {
  /** Hears the JSON text of each element of the top-level `items`, in order. */
  readonly onItem: (text: string) => void;
  /** Bound for one element. */
  readonly maxItemBytes: number;
}

export interface ListSplitter {
  /** Throws RangeError when a part grows beyond its bound, and whatever `onItem` throws. */
  push(chunk: Uint8Array): void;
  /** JSON text of the document with `items` empty. Whether it is valid is for the JSON parser to say: a cut document is not. */
  end(): string;
}

/**
 * Splits the JSON of a Kubernetes list into its elements while it arrives. A list of 5,000 nodes is 75 MB of JSON, and a server may
 * ignore the `limit` of a request; this keeps one element in memory at a time. It is no JSON parser: it only follows strings and
 * brackets, and hands every part to one.
 */
export function createListSplitter({ onItem, maxItemBytes }: ListSplitterOptions): ListSplitter {
  /** Everything outside the elements. */
  const frame: number[] = [];
  /** Bytes of the element under way, from earlier chunks. */
  let parts: Uint8Array[] = [];
  let partsLength = 0;
  let depth = 0;
  let isInString = false;
  let isEscaped = false;
  let isInItems = false;
  /** Where the last string at depth 1 lies in the frame: `items` is recognised by it. */
  let stringStart = 0;
  let lastKey = "";

  const addPart = (part: Uint8Array): void => {
    partsLength += part.length;
    if (partsLength > maxItemBytes)
      throw new RangeError(`an element of the list is larger than ${maxItemBytes} bytes`);
    if (part.length > 0) parts.push(part);
  };
  const finishItem = (chunk: Uint8Array, start: number, end: number): void => {
    addPart(chunk.subarray(start, end));
    const [first = chunk.subarray(0, 0)] = parts;
    const bytes = parts.length > 1 ? Buffer.concat(parts, partsLength) : first;
    const text = decoder.decode(bytes);
    parts = [];
    partsLength = 0;
    if (text.trim() !== "") onItem(text);
  };
  const addToFrame = (byte: number): void => {
    if (frame.length >= MAX_FRAME_BYTES)
      throw new RangeError(`the list has more than ${MAX_FRAME_BYTES} bytes around its elements`);
    frame.push(byte);
  };
  const followString = (byte: number): void => {
    if (isEscaped) isEscaped = false;
    else if (byte === BACKSLASH) isEscaped = true;
    else if (byte === QUOTE) isInString = false;
  };
  const startString = (): void => {
    isInString = true;
    if (depth === 1 && !isInItems) stringStart = frame.length - 1;
  };

  /** Goes through an element to its last bracket, or as far as it is there; gives the index of what follows. `text`: the chunk as Latin-1. */
  const skipElement = (text: string, start: number): number => {
    let index = start;
    if (isEscaped) {
      isEscaped = false;
      index++;
    }
    while (depth > 2) {
      const pattern = isInString ? QUOTE_OR_BACKSLASH : QUOTE_OR_BRACKET;
      pattern.lastIndex = index;
      if (!pattern.test(text)) return text.length;
      index = pattern.lastIndex;
      switch (text.charCodeAt(index - 1)) {
        case QUOTE:
          isInString = !isInString;
          break;
        case BACKSLASH:
          if (index === text.length) isEscaped = true;
          index++;
          break;
        case OPEN_LIST:
        case OPEN_OBJECT:
          depth++;
          break;
        default:
          depth--;
      }
    }
    return index;
  };

  /** Outside strings: follows brackets; true when the byte ends an element. */
  const followBracket = (byte: number): boolean => {
    switch (byte) {
      case QUOTE:
        startString();
        return false;
      case COLON:
        if (depth === 1 && !isInItems)
          lastKey = Buffer.from(frame.slice(stringStart, -1)).toString("utf8").trim();
        return false;
      case OPEN_LIST:
      case OPEN_OBJECT:
        depth++;
        return false;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        depth--;
        return isInItems && depth === 1;
      case COMMA:
        return isInItems && depth === 2;
      default:
        return false;
    }
  };

  return {
    push(chunk) {
      const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString("latin1");
      let itemStart = 0;
      for (let index = 0; index < chunk.length; index++) {
        // Nearly all bytes of a list are inside its elements.
        if (isInItems && depth > 2) index = skipElement(text, index);
        if (index >= chunk.length) break;
        const byte = chunk[index] ?? 0;
        if (!isInItems) addToFrame(byte);
        if (isInString) {
          followString(byte);
          continue;
        }
        const endsItem = followBracket(byte);
        if (endsItem) {
          finishItem(chunk, itemStart, index);
          itemStart = index + 1;
          if (depth === 1) {
            isInItems = false;
            lastKey = "";
            addToFrame(byte);
          }
        } else if (byte === OPEN_LIST && depth === 2 && !isInItems && lastKey === '"items"') {
          isInItems = true;
          itemStart = index + 1;
        }
      }
      if (isInItems) addPart(chunk.subarray(itemStart));
    },
    end: () => Buffer.from(frame).toString("utf8"),
  };
}
