/**
 * Loaded into an agent under test before its program (`NODE_OPTIONS=--import`): stops it at any step of a CNI
 * request. It wraps the addon, through which every frame, netlink message and reply passes, so that the
 * shipped program is tested as it ships and knows nothing of faults.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Addon, AddonStep } from "../../native/addon.ts";
import { FAULT_VARIABLE, type FaultOrder, reportPath, releasePath } from "./fault-order.ts";

const HOLD_POLL_MS = 2;

/** Type and flags of linux/netlink.h and linux/rtnetlink.h. */
const HEADER_LENGTH = 16;
const NLMSG_ERROR = 2;
const NLM_F_ACK = 4;
const NLM_F_CREATE = 0x400;
const NAMES: Readonly<Record<number, string>> = {
  16: "set link",
  17: "delete link",
  19: "set link",
  20: "add address",
  21: "delete address",
  24: "add route",
  25: "delete route",
  28: "add neighbour",
  29: "delete neighbour",
  36: "set qdisc",
  44: "set filter",
  108: "add names",
};

const path = process.env[FAULT_VARIABLE] ?? "";

/** The order whose request is in work. */
let order: FaultOrder | undefined;
let connection = -1;
let podFds: readonly number[] = [];
let passed = 0;

const dlopen = process.dlopen.bind(process);
process.dlopen = (module: { exports: unknown }, file: string, flags?: number) => {
  if (flags === undefined) dlopen(module, file);
  else dlopen(module, file, flags);
  if (file.endsWith("kernel.node")) module.exports = instrument(module.exports as Addon);
};

function instrument(addon: Addon): Addon {
  return {
    ...addon,
    receive(fd, bytes, fds) {
      const size = addon.receive(fd, bytes, fds);
      if (size > 0) arm(fd, Buffer.from(bytes.subarray(0, size)).toString("latin1"), fds);
      return size;
    },
    request: (steps) => (isWatched(steps) ? runStepwise(addon, steps) : addon.request(steps)),
    close(fd) {
      if (fd === connection) connection = -1;
      return addon.close(fd);
    },
    send(fd, bytes) {
      const isReply = order !== undefined && fd === connection;
      if (isReply) pass("before the reply");
      const size = addon.send(fd, bytes);
      if (isReply) pass("after the reply");
      if (isReply) order = undefined;
      return size;
    },
  };
}

function arm(fd: number, frame: string, fds: readonly number[]): void {
  if (!frame.startsWith("CWAY") || !existsSync(path)) return;
  const next = JSON.parse(readFileSync(path, "utf8")) as FaultOrder;
  const words = [`CNI_COMMAND=${next.command}\0`, `CNI_CONTAINERID=${next.containerId}\0`];
  if (!words.every((word) => frame.includes(word))) return;
  order = next;
  connection = fd;
  podFds = [...fds];
  passed = 0;
  pass("request received");
}

/** Notes that a step is done; true when the order wants something now that is not the end of the process. */
function pass(name: string): boolean {
  if (order === undefined) return false;
  appendFileSync(reportPath(path), `${name}\n`);
  const isMeant = passed++ === order.step;
  if (isMeant && order.action === "kill") process.kill(process.pid, "SIGKILL");
  return isMeant && order.action === "hold";
}

async function holdIf(isMeant: boolean): Promise<void> {
  if (!isMeant) return;
  while (!existsSync(releasePath(path))) await delay(HOLD_POLL_MS);
}

/**
 * Whether a batch belongs to the request: an ADD's goes through the pod's socket too. What only reads is no
 * step, and what the agent repairs meanwhile is another matter.
 */
function isWatched(steps: Parameters<Addon["request"]>[0]): boolean {
  if (order === undefined) return false;
  if (order.command === "ADD")
    return steps.some(({ fd, bytes }) => podFds.includes(fd) || isTransaction(Buffer.from(bytes)));
  return steps.some(({ bytes }) => split(Buffer.from(bytes)).some(isChange));
}

/**
 * Sends a batch message by message, with the answers and the end of the sequence as `Addon.request` has them.
 */
async function runStepwise(
  addon: Addon,
  steps: Parameters<Addon["request"]>[0],
): ReturnType<Addon["request"]> {
  const answers: (Buffer | undefined)[] = [];
  const copies = steps.map((step) => ({ ...step, bytes: Buffer.from(step.bytes) }));
  await holdIf(pass("before a batch"));
  for (const { fd, bytes: whole, isPlain = false, ...wanted } of copies) {
    if (isPlain) return sendEarlyReply(addon, { fd, bytes: whole, isPlain }, answers);
    const step: Buffer[] = [];
    for (const bytes of split(whole)) {
      const [answer] = await addon.request([{ fd, bytes: acknowledged(bytes), ...wanted }]);
      if (answer !== undefined) step.push(answer);
      if (isChange(bytes)) await holdIf(pass(nameOf(bytes, podFds.includes(fd))));
    }
    answers.push(step.length === 0 ? undefined : Buffer.concat(step));
    if (step.some(hasError) || !isWanted(step, wanted)) break;
  }
  return answers;
}

/** The reply of an ADD is the last step of its batch. */
async function sendEarlyReply(
  addon: Addon,
  step: AddonStep,
  answers: (Buffer | undefined)[],
): ReturnType<Addon["request"]> {
  await holdIf(pass("before the reply"));
  if (step.fd !== connection) return answers;
  const sent = await addon.request([step]);
  if (sent.length > 0) {
    await holdIf(pass("after the reply"));
    order = undefined;
  }
  return [...answers, ...sent];
}

/** Of a batch only the last message asks for an acknowledgement; here each change is sent alone. */
function acknowledged(message: Buffer): Buffer {
  if (isChange(message) && !isTransaction(message))
    message.writeUInt16LE(message.readUInt16LE(6) | NLM_F_ACK, 6);
  return message;
}

/** Messages of one sequence number stay together: they are one transaction. */
function split(batch: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let start = 0, end = 0; start < batch.length; start = end) {
    const seq = batch.readUInt32LE(start + 8);
    while (end < batch.length && batch.readUInt32LE(end + 8) === seq) end += batch.readUInt32LE(end);
    parts.push(batch.subarray(start, end));
  }
  return parts;
}

/**
 * NFNL_MSG_BATCH_BEGIN has the number of RTM_NEWLINK, but a struct nfgenmsg with the number of nftables'
 * subsystem, 10.
 */
function isTransaction(batch: Buffer): boolean {
  return batch.readUInt16LE(4) === 16 && batch.readUInt32LE(0) < 32 && batch[HEADER_LENGTH + 3] === 10;
}

/** RTM_GET* is the third of each group of four; of nfnetlink only transactions are anything else. */
function isChange(message: Buffer): boolean {
  const type = message.readUInt16LE(4);
  return type < 256 && type % 4 !== 2;
}

function nameOf(message: Buffer, isInPod: boolean): string {
  if (isTransaction(message)) return 'after "change elements"';
  const type = message.readUInt16LE(4);
  const isCreate = type === 16 && (message.readUInt16LE(6) & NLM_F_CREATE) !== 0;
  const name = isCreate ? "create link" : (NAMES[type] ?? `message ${type}`);
  return `after "${name}"${isInPod ? " in the pod" : ""}`;
}

function isWanted(
  [answer]: readonly Buffer[],
  { wantedAt = 0, wantedBits = 0 }: Partial<AddonStep>,
): boolean {
  return wantedBits === 0 || ((answer?.readUInt32LE(wantedAt) ?? 0) & wantedBits) !== 0;
}

function hasError(answer: Buffer): boolean {
  return split(answer).some(
    (message) => message.readUInt16LE(4) === NLMSG_ERROR && message.readInt32LE(HEADER_LENGTH) !== 0,
  );
}
