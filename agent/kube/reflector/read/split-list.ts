import { beginNesting, followByte, type JsonNesting, skipDeeper } from "./json-nesting.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;

/** Elements lie in a list in an object. */
const ELEMENTS_DEPTH = 2;

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
  /**
   * JSON text of the document with `items` empty. Whether it is valid is for the JSON parser to say: a cut
   * document is not.
   */
  end(): string;
}

/**
 * Splits the JSON of a Kubernetes list into its elements while it arrives. A list of 5,000 nodes is 75 MB of
 * JSON, and a server may ignore the `limit` of a request; this keeps one element in memory at a time. It is
 * no JSON parser: it only follows strings and brackets, and hands every part to one.
 */
export function createListSplitter({ onItem, maxItemBytes }: ListSplitterOptions): ListSplitter {
  const nesting = beginNesting();
  const frame = createFrame();
  const item = createItem(maxItemBytes);
  let isInItems = false;

  const finishItem = (lastPart: Uint8Array): void => {
    const text = item.finish(lastPart);
    if (text.trim() !== "") onItem(text);
  };
  /** Follows a byte that is in no bracket of an element; true when it ends an element. */
  const endsItem = (byte: number): boolean => {
    const { isInString } = nesting;
    followByte(nesting, byte);
    return !isInString && (byte === COMMA || nesting.depth < ELEMENTS_DEPTH);
  };

  return {
    push(chunk) {
      const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString("latin1");
      let itemStart = 0;
      for (let index = 0; index < chunk.length; index++) {
        // Nearly all bytes of a list are inside its elements.
        if (isInItems && nesting.depth > ELEMENTS_DEPTH)
          index = skipDeeper(nesting, ELEMENTS_DEPTH, text, index);
        if (index >= chunk.length) break;
        const byte = chunk[index] ?? 0;
        if (!isInItems) {
          isInItems = frame.follow(byte, nesting);
          if (isInItems) itemStart = index + 1;
        } else if (endsItem(byte)) {
          finishItem(chunk.subarray(itemStart, index));
          itemStart = index + 1;
          isInItems = nesting.depth === ELEMENTS_DEPTH;
          if (!isInItems) frame.endItems(byte);
        }
      }
      if (isInItems) item.add(chunk.subarray(itemStart));
    },
    end: frame.text,
  };
}

interface Frame {
  /** Takes the next byte; true when it opens the list of elements. */
  follow(byte: number, nesting: JsonNesting): boolean;
  /** Takes the byte that closes the list. */
  endItems(byte: number): void;
  text(): string;
}

/** Everything outside the elements. */
function createFrame(): Frame {
  const bytes: number[] = [];
  /** Where the last string at depth 1 lies: `items` is recognised by it. */
  let stringStart = 0;
  let lastKey = "";
  const add = (byte: number): void => {
    if (bytes.length >= MAX_FRAME_BYTES)
      throw new RangeError(`the list has more than ${MAX_FRAME_BYTES} bytes around its elements`);
    bytes.push(byte);
  };
  return {
    follow(byte, nesting) {
      add(byte);
      const { isInString } = nesting;
      followByte(nesting, byte);
      if (isInString) return false;
      if (nesting.depth === 1 && byte === QUOTE) stringStart = bytes.length - 1;
      if (nesting.depth === 1 && byte === COLON)
        lastKey = Buffer.from(bytes.slice(stringStart, -1)).toString("utf8").trim();
      return byte === OPEN_LIST && nesting.depth === ELEMENTS_DEPTH && lastKey === '"items"';
    },
    endItems(byte) {
      add(byte);
      lastKey = "";
    },
    text: () => Buffer.from(bytes).toString("utf8"),
  };
}

interface Item {
  add(part: Uint8Array): void;
  /** The whole text, with its last part. */
  finish(lastPart: Uint8Array): string;
}

/** The element under way, in parts from each chunk. */
function createItem(maxBytes: number): Item {
  let parts: Uint8Array[] = [];
  let length = 0;
  const add = (part: Uint8Array): void => {
    length += part.length;
    if (length > maxBytes) throw new RangeError(`an element of the list is larger than ${maxBytes} bytes`);
    if (part.length > 0) parts.push(part);
  };
  return {
    add,
    finish(lastPart) {
      add(lastPart);
      const [first = lastPart] = parts;
      const text = decoder.decode(parts.length > 1 ? Buffer.concat(parts, length) : first);
      parts = [];
      length = 0;
      return text;
    },
  };
}
