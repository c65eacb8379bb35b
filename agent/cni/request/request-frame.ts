/** A frame as docs/protocol.md tells the shim to write it. */
export function requestFrame(
  environment: Readonly<Record<string, string>>,
  stdin: string,
  version = 1,
): Buffer {
  const block = Buffer.from(
    Object.entries(environment)
      .map(([key, value]) => `${key}=${value}\0`)
      .join(""),
  );
  const header = Buffer.alloc(24);
  header.write("CWAY", "latin1");
  header.writeUInt32BE(16 + block.length + Buffer.byteLength(stdin), 4);
  header.writeUInt16BE(version, 8);
  header.writeUInt32BE(block.length, 12);
  header.writeBigUInt64BE(123_456_789n, 16);
  return Buffer.concat([header, block, Buffer.from(stdin)]);
}
