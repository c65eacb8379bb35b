/** One netlink message: struct nlmsghdr of linux/netlink.h, and what follows it. */
export interface Message {
  readonly bytes: Buffer;
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  readonly payload: Buffer;
}

const HEADER_BYTES = 16;
const NLMSG_ERROR = 2;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;

export function splitMessages(batch: Buffer): readonly Message[] {
  const messages: Message[] = [];
  for (let start = 0; start + HEADER_BYTES <= batch.length; ) {
    const length = batch.readUInt32LE(start);
    const bytes = batch.subarray(start, start + length);
    messages.push({
      bytes,
      type: bytes.readUInt16LE(4),
      flags: bytes.readUInt16LE(6),
      seq: bytes.readUInt32LE(8),
      payload: bytes.subarray(HEADER_BYTES),
    });
    start += (length + 3) & ~3;
  }
  return messages;
}

export function isDump({ flags }: Pick<Message, "flags">): boolean {
  return (flags & NLM_F_DUMP) === NLM_F_DUMP;
}

/** Of a batch only the last message asks for an acknowledgement; sent alone, each has to. */
export function acknowledged(bytes: Buffer): Buffer {
  const flags = bytes.readUInt16LE(6);
  if (!isDump({ flags })) bytes.writeUInt16LE(flags | NLM_F_ACK, 6);
  return bytes;
}

export function formatMessage(head: Pick<Message, "type" | "flags" | "seq">, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + ((payload.length + 3) & ~3));
  bytes.writeUInt32LE(HEADER_BYTES + payload.length, 0);
  bytes.writeUInt16LE(head.type, 4);
  bytes.writeUInt16LE(head.flags, 6);
  bytes.writeUInt32LE(head.seq, 8);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/** struct nlmsgerr, capped: the kernel's answer to a request that it refuses. */
export function formatRefusal(request: Message, errno: number): Buffer {
  const payload = Buffer.alloc(4 + HEADER_BYTES);
  payload.writeInt32LE(-errno, 0);
  request.bytes.copy(payload, 4, 0, HEADER_BYTES);
  const NLM_F_CAPPED = 0x100;
  return formatMessage({ type: NLMSG_ERROR, flags: NLM_F_CAPPED, seq: request.seq }, payload);
}

/** The same request with other flags than those to create, and another payload. */
export function asChange(request: Message, payload: Uint8Array): Buffer {
  return formatMessage({ ...request, flags: NLM_F_REQUEST | NLM_F_ACK }, payload);
}
