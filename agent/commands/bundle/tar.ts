/** One member of an archive; names have no leading slash. */
export type TarEntry =
  | { readonly type: "file"; readonly name: string; readonly mode: number; readonly content: Uint8Array }
  | { readonly type: "directory"; readonly name: string; readonly mode: number }
  | { readonly type: "symlink"; readonly name: string; readonly target: string };

const BLOCK = 512;

/** An archive in ustar form (POSIX.1-1988), owned by root: the same entries and date give the same bytes. */
export function writeTar(entries: readonly TarEntry[], dateMs = 0): Uint8Array {
  const parts = entries.flatMap((entry) => {
    const content = entry.type === "file" ? entry.content : new Uint8Array();
    const padding = new Uint8Array((BLOCK - (content.length % BLOCK)) % BLOCK);
    return [header(entry, content.length, dateMs), content, padding];
  });
  return Buffer.concat([...parts, new Uint8Array(2 * BLOCK)]);
}

function header(entry: TarEntry, size: number, dateMs: number): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const text = (value: string, offset: number, length: number): void => {
    if (Buffer.byteLength(value) > length)
      throw new RangeError(`Cannot archive "${value}": too long for ustar`);
    block.write(value, offset);
  };
  const octal = (value: number, offset: number, length: number): void => {
    text(value.toString(8).padStart(length - 1, "0"), offset, length);
  };
  text(entry.type === "directory" ? `${entry.name}/` : entry.name, 0, 100);
  octal(entry.type === "symlink" ? 0o777 : entry.mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(Math.floor(dateMs / 1000), 136, 12);
  text({ file: "0", symlink: "2", directory: "5" }[entry.type], 156, 1);
  if (entry.type === "symlink") text(entry.target, 157, 100);
  text("ustar\u000000", 257, 8);
  // The sum counts its own field as spaces.
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  text(`${sum.toString(8).padStart(6, "0")}\0 `, 148, 8);
  return block;
}
