/** An IPv6 packet with the same message, in a form in which filters may overlook it. */
export type Disguise = keyof typeof DISGUISES;

const IP_HEADER = 40;
const [HOP_BY_HOP, FRAGMENT, DESTINATION] = [0, 44, 60];

let identification = 0;

/** Padding of 6 bytes and of 14 (RFC 8200 section 4.2). */
const options = (next: number): Buffer => Buffer.from([next, 0, 1, 4, 0, 0, 0, 0]);
const longOptions = (next: number): Buffer =>
  Buffer.concat([Buffer.from([next, 1, 1, 12]), Buffer.alloc(12)]);

const DISGUISES = {
  "behind hop-by-hop options": (packet: Buffer) => [insert(packet, HOP_BY_HOP, options)],
  "behind destination options": (packet: Buffer) => [insert(packet, DESTINATION, options)],
  "in a fragment that is whole": (packet: Buffer) => fragments(packet, packet.length - IP_HEADER),
  "in fragments of 8 bytes": (packet: Buffer) => fragments(packet, 8),
  "behind hop-by-hop options, in fragments": (packet: Buffer) =>
    fragments(packet, 8).map((part) => insert(part, HOP_BY_HOP, options)),
  "in fragments of which the first has no message (RFC 7112)": (packet: Buffer) =>
    fragments(insert(packet, DESTINATION, longOptions), 8),
} as const;

export const ALL_DISGUISES = Object.keys(DISGUISES) as readonly Disguise[];

export function disguise(packet: Buffer, how: Disguise): readonly Buffer[] {
  return DISGUISES[how](packet);
}

/** Puts an extension header behind the IP header. */
function insert(packet: Buffer, header: number, make: (next: number) => Buffer): Buffer {
  const extension = make(packet.readUInt8(6));
  const head = Buffer.from(packet.subarray(0, IP_HEADER));
  head.writeUInt8(header, 6);
  head.writeUInt16BE(packet.readUInt16BE(4) + extension.length, 4);
  return Buffer.concat([head, extension, packet.subarray(IP_HEADER)]);
}

/** Of at most so many bytes, a multiple of 8. */
function fragments(packet: Buffer, size: number): readonly Buffer[] {
  const payload = packet.subarray(IP_HEADER);
  const count = Math.ceil(payload.length / size);
  identification++;
  return Array.from({ length: count }, (_, index) => {
    const part = payload.subarray(index * size, (index + 1) * size);
    const header = Buffer.from([packet.readUInt8(6), 0, 0, 0, 0, 0, 0, 0]);
    header.writeUInt16BE((index * size) | (index < count - 1 ? 1 : 0), 2);
    header.writeUInt32BE(identification, 4);
    const head = Buffer.from(packet.subarray(0, IP_HEADER));
    head.writeUInt8(FRAGMENT, 6);
    head.writeUInt16BE(header.length + part.length, 4);
    return Buffer.concat([head, header, part]);
  });
}
