import { readAttributes, readText } from "../../../agent/netlink/message/attributes.ts";
import { askDevice } from "./device.ts";
import { formatMessage, formatRefusal, isDump, type Message } from "./messages.ts";
import { dumpPayloads } from "./dump.ts";
import { setRequest } from "./set-request.ts";

/** Of linux/genetlink.h and linux/netlink.h. */
const GENL_ID_CTRL = 16;
const GENL_HEADER_BYTES = 4;
const CTRL_ATTR_FAMILY_NAME = 2;
const NLMSG_DONE = 3;
const NLM_F_MULTI = 2;
const ENODEV = 19;

/** A number that no family of the kernel has. */
const FAMILY = 0x7777;

/** CTRL_ATTR_FAMILY_ID with that number. */
const FAMILY_ANSWER = Buffer.from([1, 2, 0, 0, 6, 0, 1, 0, FAMILY & 0xff, FAMILY >> 8, 0, 0]);

const WGDEVICE_A_IFNAME = 2;

const attributesOf = ({ payload }: Message) =>
  readAttributes("generic netlink", payload.subarray(GENL_HEADER_BYTES));

/** Whether a request of generic netlink is about WireGuard. */
export function isOurGeneric(message: Message): boolean {
  if (message.type === FAMILY) return true;
  if (message.type !== GENL_ID_CTRL) return false;
  return readText("family", attributesOf(message), CTRL_ATTR_FAMILY_NAME) === "wireguard";
}

/** Undefined: done. */
export async function answerGeneric(message: Message): Promise<Buffer | undefined> {
  const { type, seq } = message;
  if (type === GENL_ID_CTRL) return formatMessage({ type, flags: 0, seq }, FAMILY_ANSWER);
  const attributes = attributesOf(message);
  const name = readText("device", attributes, WGDEVICE_A_IFNAME) ?? "";
  const request = isDump(message) ? "get=1\n" : setRequest(attributes);
  const answer = await askDevice(name, request);
  const errno = answer === undefined ? ENODEV : Math.abs(Number(/^errno=(-?\d+)$/m.exec(answer)?.[1]));
  if (!isDump(message)) return errno === 0 ? undefined : formatRefusal(message, errno);
  const flags = NLM_F_MULTI;
  const end = Buffer.alloc(4);
  end.writeInt32LE(-errno);
  return Buffer.concat([
    ...(errno === 0 ? dumpPayloads(name, answer ?? "") : []).map((payload) =>
      formatMessage({ type, flags, seq }, payload),
    ),
    formatMessage({ type: NLMSG_DONE, flags, seq }, end),
  ]);
}
