const NEWLINE = 0x0a;

/**
 * Splits a stream of bytes into lines, without the newline. Memory stays within `maxLineBytes` plus one
 * chunk: a longer line throws what `tooLong` makes. A last line without newline is the sign of a cut
 * connection; it is handed to `onPartial` if not blank.
 */
export async function* readLines(
  chunks: AsyncIterable<Buffer>,
  {
    maxLineBytes,
    tooLong,
    onPartial,
  }: { maxLineBytes: number; tooLong: () => Error; onPartial: (bytes: number) => void },
): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      const part = chunk.subarray(start, end === -1 ? chunk.length : end);
      length += part.length;
      if (length > maxLineBytes) throw tooLong();
      parts.push(part);
      if (end === -1) break;
      yield (parts.length === 1 ? part : Buffer.concat(parts, length)).toString("utf8");
      parts = [];
      length = 0;
      start = end + 1;
    }
  }
  if (length > 0) onPartial(length);
}
