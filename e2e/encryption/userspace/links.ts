import { readAttributes, readText } from "../../../agent/netlink/message/attributes.ts";
import { deviceSocket, isDevice, startDevice } from "./device.ts";
import { asChange, formatMessage, formatRefusal, type Message, splitMessages } from "./messages.ts";

/** Of linux/rtnetlink.h and linux/if_link.h; struct ifinfomsg comes before the attributes. */
const RTM_NEWLINK = 16;
const NLM_F_CREATE = 0x400;
const IFINFOMSG_BYTES = 16;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
const EEXIST = 17;

const attributesOf = ({ payload }: Message) => readAttributes("link", payload.subarray(IFINFOMSG_BYTES));

function kindOf(message: Message): string | undefined {
  const info = readAttributes("link kind", attributesOf(message).get(IFLA_LINKINFO));
  return readText("link kind", info, IFLA_INFO_KIND);
}

/** Whether a request of rtnetlink makes a link of kind `wireguard`. */
export function createsDevice(message: Message): boolean {
  const isNew = message.type === RTM_NEWLINK && (message.flags & NLM_F_CREATE) !== 0;
  return isNew && kindOf(message) === "wireguard";
}

/** Starts the device's program, and gives its link what else the request says. */
export async function createDevice(
  message: Message,
  ask: (bytes: Buffer) => Promise<Buffer | undefined>,
): Promise<Buffer | undefined> {
  const attributes = attributesOf(message);
  const name = readText("link", attributes, IFLA_IFNAME) ?? "";
  const mtu = attributes.get(IFLA_MTU)?.readUInt32LE(0) ?? 1420;
  if (!(await startDevice(name, mtu))) return formatRefusal(message, EEXIST);
  return ask(asChange(message, withoutKind(message.payload)));
}

/** Pieces of a payload: its head, and each attribute with its padding. */
function piecesOf(payload: Buffer): readonly Buffer[] {
  const pieces = [payload.subarray(0, IFINFOMSG_BYTES)];
  for (let start = IFINFOMSG_BYTES; start < payload.length; ) {
    const end = start + ((payload.readUInt16LE(start) + 3) & ~3);
    pieces.push(payload.subarray(start, end));
    start = end;
  }
  return pieces;
}

const isKind = (piece: Buffer, index: number): boolean =>
  index > 0 && (piece.readUInt16LE(2) & 0x3fff) === IFLA_LINKINFO;

function withoutKind(payload: Buffer): Buffer {
  return Buffer.concat(piecesOf(payload).filter((piece, index) => !isKind(piece, index)));
}

/** IFLA_LINKINFO of a link of kind `wireguard`. */
const WIREGUARD_INFO = Buffer.concat([
  Buffer.from([20, 0, IFLA_LINKINFO, 0, 14, 0, IFLA_INFO_KIND, 0]),
  Buffer.from("wireguard\0\0\0"),
]);

/** Answers of rtnetlink, where the links of devices' programs, which are of kind `tun`, are of kind `wireguard`. */
export function showKind(answer: Buffer): Buffer {
  const messages = splitMessages(answer);
  if (!messages.some(isShown)) return answer;
  return Buffer.concat(
    messages.map((message) => {
      if (!isShown(message)) return formatMessage(message, message.payload);
      const pieces = piecesOf(message.payload).map((piece, index) =>
        isKind(piece, index) ? WIREGUARD_INFO : piece,
      );
      return formatMessage(message, Buffer.concat(pieces));
    }),
  );
}

function isShown(message: Message): boolean {
  if (message.type !== RTM_NEWLINK || kindOf(message) !== "tun") return false;
  return isDevice(deviceSocket(readText("link", attributesOf(message), IFLA_IFNAME) ?? ""));
}
