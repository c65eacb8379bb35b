/** A member of a tar archive. */
export interface TarMember {
  /** As archived, without a final slash. */
  readonly name: string;
  readonly type: "file" | "directory" | "symlink" | "hardlink" | "other";
  /** Permission bits with set-user-ID and the like. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly content: Buffer;
}

const BLOCK = 512;
const TYPES: Readonly<Record<string, TarMember["type"]>> = {
  "0": "file",
  "\0": "file",
  "1": "hardlink",
  "2": "symlink",
  "5": "directory",
};

/** Reads ustar and the pax headers that Go writes for long names (pax(1)). */
export function readTar(archive: Buffer): readonly TarMember[] {
  const members: TarMember[] = [];
  let pax: Readonly<Record<string, string>> = {};
  for (let offset = 0; offset + BLOCK <= archive.length && archive[offset] !== 0; ) {
    const header = archive.subarray(offset, offset + BLOCK);
    const size = Number(pax["size"] ?? octal(header, 124, 12));
    const content = archive.subarray(offset + BLOCK, offset + BLOCK + size);
    const type = String.fromCharCode(header[156] ?? 0);
    offset += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    if (type === "x") {
      pax = paxRecords(content);
      continue;
    }
    const prefix = text(header, 345, 155);
    const name = pax["path"] ?? (prefix === "" ? "" : `${prefix}/`) + text(header, 0, 100);
    members.push({
      name: name.replace(/\/$/, ""),
      type: TYPES[type] ?? "other",
      mode: octal(header, 100, 8),
      uid: octal(header, 108, 8),
      gid: octal(header, 116, 8),
      content,
    });
    pax = {};
  }
  return members;
}

function text(header: Buffer, offset: number, length: number): string {
  const field = header.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end === -1 ? length : end);
}

function octal(header: Buffer, offset: number, length: number): number {
  return Number.parseInt(text(header, offset, length).trim() || "0", 8);
}

/** Records of the form "LENGTH KEY=VALUE\n". */
function paxRecords(content: Buffer): Readonly<Record<string, string>> {
  const records: Record<string, string> = {};
  for (let offset = 0; offset < content.length; ) {
    const space = content.indexOf(" ", offset);
    const length = Number(content.toString("utf8", offset, space));
    const record = content.toString("utf8", space + 1, offset + length - 1);
    records[record.slice(0, record.indexOf("="))] = record.slice(record.indexOf("=") + 1);
    offset += length;
  }
  return records;
}
