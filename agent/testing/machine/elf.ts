/** Types of program headers, from elf.h. */
export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PT_INTERP = 3;

/** Offsets in Elf64_Ehdr of elf.h: where the program headers begin, the size of one, how many. */
const E_PHOFF = 32;
const E_PHENTSIZE = 54;
const E_PHNUM = 56;

/**
 * Types of a program's segments, from its ELF header: 64 bits, little endian, like all machines that the
 * agent runs on.
 */
export function programHeaderTypes(file: Buffer): readonly number[] {
  const identification = file.toString("hex", 0, 6);
  if (identification !== "7f454c460201")
    throw new Error(`Cannot read ELF file: it begins with ${identification}`);
  const start = Number(file.readBigUInt64LE(E_PHOFF));
  const size = file.readUInt16LE(E_PHENTSIZE);
  return Array.from({ length: file.readUInt16LE(E_PHNUM) }, (_, index) =>
    file.readUInt32LE(start + index * size),
  );
}
