/**
 * Loaded into a process before its program (`NODE_OPTIONS=--import`), on a kernel without WireGuard: wraps
 * the addon, through which every netlink message passes, so that links of kind `wireguard` and their generic
 * netlink family are there. What ships runs as it ships, and its packets are WireGuard's; the devices are
 * programs ({@link USERSPACE_PROGRAM}) that outlive the process, as the kernel's would.
 */
import type { Addon } from "../../../agent/native/addon.ts";
import { answerGeneric, isOurGeneric } from "./generic.ts";
import { createsDevice, createDevice, showKind } from "./links.ts";
import { acknowledged, splitMessages, type Message } from "./messages.ts";

/** Of linux/netlink.h. */
const NETLINK_ROUTE = 0;
const NETLINK_GENERIC = 16;
const NLMSG_ERROR = 2;

const protocols = new Map<number, number>();

const dlopen = process.dlopen.bind(process);
process.dlopen = (module: { exports: unknown }, file: string, flags?: number) => {
  if (flags === undefined) dlopen(module, file);
  else dlopen(module, file, flags);
  if (file.endsWith("kernel.node")) module.exports = instrument(module.exports as Addon);
};

type Request = Addon["request"];

function instrument(addon: Addon): Addon {
  return {
    ...addon,
    socket(family, type, protocol) {
      const fd = addon.socket(family, type, protocol);
      protocols.set(fd, protocol);
      return fd;
    },
    // What is meant for the kernel alone goes there as it is; the caller may overwrite it once this returns.
    request: (steps) => {
      const copies = steps.map(({ fd, bytes }) => ({ fd, messages: splitMessages(Buffer.from(bytes)) }));
      const isPlain = copies.every(({ fd, messages }) => !messages.some((message) => isOurs(fd, message)));
      return isPlain ? showing(addon.request(steps), copies) : runStepwise(addon.request, copies);
    },
  };
}

type Steps = readonly { readonly fd: number; readonly messages: readonly Message[] }[];

function isOurs(fd: number, message: Message): boolean {
  const protocol = protocols.get(fd);
  return protocol === NETLINK_GENERIC
    ? isOurGeneric(message)
    : protocol === NETLINK_ROUTE && createsDevice(message);
}

async function showing(answering: ReturnType<Request>, steps: Steps): ReturnType<Request> {
  const answers = await answering;
  return answers.map((answer, index) => {
    const isRoute = protocols.get(steps[index]?.fd ?? -1) === NETLINK_ROUTE;
    return isRoute && answer !== undefined ? showKind(answer) : answer;
  });
}

/** Message by message, with the answers and the end of the sequence as `Addon.request` has them. */
async function runStepwise(request: Request, steps: Steps): ReturnType<Request> {
  const answers: (Buffer | undefined)[] = [];
  for (const { fd, messages } of steps) {
    const answered: Buffer[] = [];
    for (const message of messages) {
      const answer = await answerOne(request, fd, message);
      if (answer !== undefined) answered.push(answer);
    }
    answers.push(answered.length === 0 ? undefined : Buffer.concat(answered));
    if (answered.flatMap(splitMessages).some(isRefusal)) break;
  }
  return answers;
}

async function answerOne(request: Request, fd: number, message: Message): Promise<Buffer | undefined> {
  const ask = async (bytes: Buffer): Promise<Buffer | undefined> => {
    const [answer] = await showing(request([{ fd, bytes: acknowledged(bytes) }]), [{ fd, messages: [] }]);
    return answer;
  };
  if (!isOurs(fd, message)) return ask(message.bytes);
  return protocols.get(fd) === NETLINK_GENERIC ? answerGeneric(message) : createDevice(message, ask);
}

function isRefusal({ type, payload }: Message): boolean {
  return type === NLMSG_ERROR && payload.readInt32LE(0) !== 0;
}
