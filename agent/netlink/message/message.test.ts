import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatHeader } from "../package.ts";
import { textAttribute } from "./attributes.ts";
import {
  NLM_F_ACK,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSGERR_ATTR_MSG,
  RTM_GETLINK,
  RTM_NEWLINK,
} from "../constants.ts";
import { MalformedMessageError } from "./malformed-message-error.ts";
import { encodeBatch, type NetlinkRequest, type Outcome, parseAnswers, parseMessages } from "./message.ts";

const create: NetlinkRequest = {
  type: RTM_NEWLINK,
  flags: NLM_F_CREATE,
  payload: [Buffer.alloc(16)],
  what: "create x",
};
const dump: NetlinkRequest = {
  type: RTM_GETLINK,
  flags: NLM_F_DUMP,
  payload: [Buffer.alloc(16)],
  what: "list x",
};

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

interface Answer {
  readonly type: number;
  readonly seq: number;
  readonly flags?: number;
  readonly payload?: readonly Uint8Array[];
}

function answer({ type, seq, flags = 0, payload = [] }: Answer): Buffer {
  const body = Buffer.concat(payload);
  const message = Buffer.concat([
    formatHeader({ length: 16 + body.length, type, flags, seq, port: 7 }),
    body,
  ]);
  return Buffer.concat([message, Buffer.alloc(-message.length & 3)]);
}

/** struct nlmsgerr with the request's header only, as after NETLINK_CAP_ACK. */
function acknowledge(seq: number, errno: number, extack?: Buffer): Buffer {
  const flags = NLM_F_CAPPED | (extack === undefined ? 0 : NLM_F_ACK_TLVS);
  const header = formatHeader({ length: 32, type: RTM_NEWLINK, flags: 0, seq, port: 0 });
  return answer({
    type: NLMSG_ERROR,
    seq,
    flags,
    payload: [int32(-errno), header, extack ?? Buffer.alloc(0)],
  });
}

function text(message: string): Buffer {
  return Buffer.concat(textAttribute(NLMSGERR_ATTR_MSG, message));
}

test("encodeBatch() numbers the requests and asks for an acknowledgement of the last one", () => {
  const messages = parseMessages(encodeBatch([create, dump, create], 0xffffffff));
  assert.deepEqual(
    messages.map(({ seq, flags, payload }) => ({ seq, flags, length: payload.length })),
    [
      { seq: 0xffffffff, flags: NLM_F_REQUEST | NLM_F_CREATE, length: 16 },
      { seq: 0, flags: NLM_F_REQUEST | NLM_F_DUMP, length: 16 },
      { seq: 1, flags: NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, length: 16 },
    ],
  );
});

test("encodeBatch() refuses a payload that would shift the next message", () => {
  assert.throws(() => encodeBatch([{ ...create, payload: [Buffer.alloc(17)] }], 1), RangeError);
});

test("parseAnswers() sorts replies, acknowledgements and errors by request, across a wrapped sequence number", () => {
  const bytes = Buffer.concat([
    acknowledge(0xffffffff, 0),
    acknowledge(0, 17, text("Interface is taken")),
    answer({ type: RTM_NEWLINK, seq: 1, payload: [int32(5)] }),
    acknowledge(1, 0),
  ]);
  const [first, second, third] = parseAnswers([create, create, create], 0xffffffff, bytes);
  assert.deepEqual(first, { status: "done", replies: [], interrupted: false });
  assert.equal(second?.status, "failed");
  assert.equal(second.error.code, "EEXIST");
  assert.equal(
    second.error.message,
    'Cannot create x: EEXIST (already exists; kernel: "Interface is taken")',
  );
  assert.equal(third?.status, "done");
  assert.deepEqual(
    third.replies.map(({ payload }) => payload),
    [int32(5)],
  );
});

function only(outcomes: readonly Outcome[]): Outcome {
  assert.equal(outcomes.length, 1);
  return outcomes[0]!;
}

function errorOf(outcome: Outcome) {
  assert.equal(outcome.status, "failed");
  return outcome.error;
}

test("parseAnswers() marks a dump that was interrupted, on whichever message the kernel says so", () => {
  const done = (flags: number) => answer({ type: NLMSG_DONE, seq: 1, flags, payload: [int32(0)] });
  const link = (flags: number) => answer({ type: RTM_NEWLINK, seq: 1, flags });
  for (const { want, bytes } of [
    { want: false, bytes: [link(0), done(0)] },
    { want: true, bytes: [link(NLM_F_DUMP_INTR), done(0)] },
    { want: true, bytes: [link(0), done(NLM_F_DUMP_INTR)] },
  ]) {
    const outcome = only(parseAnswers([dump], 1, Buffer.concat(bytes)));
    assert.equal(outcome.status === "done" && outcome.interrupted, want);
  }
});

test("parseAnswers() reads the error at the end of a dump, with its text", () => {
  const payload = [int32(-2), text("table does not exist")];
  const bytes = answer({ type: NLMSG_DONE, seq: 1, flags: NLM_F_ACK_TLVS, payload });
  const error = errorOf(only(parseAnswers([dump], 1, bytes)));
  assert.deepEqual(
    { code: error.code, extack: error.extack },
    { code: "ENOENT", extack: "table does not exist" },
  );
});

test("parseAnswers() finds the text behind a request that the kernel repeated whole", () => {
  const request = formatHeader({ length: 21, type: RTM_NEWLINK, flags: 0, seq: 1, port: 0 });
  const payload = [int32(-22), request, Buffer.alloc(8), text("bad")];
  const bytes = answer({ type: NLMSG_ERROR, seq: 1, flags: NLM_F_ACK_TLVS, payload });
  assert.equal(errorOf(only(parseAnswers([create], 1, bytes))).extack, "bad");
});

test("parseAnswers() keeps the error number when its explanation is broken", () => {
  for (const extack of [Buffer.from([3, 0, 0, 0]), text("x").fill(1, 4), Buffer.from([200, 0, 1, 0])]) {
    const error = errorOf(only(parseAnswers([create], 1, acknowledge(1, 1, extack))));
    assert.deepEqual({ code: error.code, extack: error.extack }, { code: "EPERM", extack: undefined });
  }
});

const malformed: readonly { readonly name: string; readonly bytes: Buffer }[] = [
  { name: "a truncated header", bytes: acknowledge(1, 0).subarray(0, 12) },
  { name: "a truncated message", bytes: acknowledge(1, 0).subarray(0, 20) },
  { name: "an acknowledgement without error number", bytes: answer({ type: NLMSG_ERROR, seq: 1 }) },
  {
    name: "an acknowledgement without the request",
    bytes: answer({ type: NLMSG_ERROR, seq: 1, payload: [int32(0)] }),
  },
  { name: "an end of dump without error number", bytes: answer({ type: NLMSG_DONE, seq: 1 }) },
  { name: "an error number of the wrong sign", bytes: acknowledge(1, -5) },
  { name: "the answer to another request", bytes: Buffer.concat([acknowledge(1, 0), acknowledge(9, 0)]) },
];

test("parseAnswers() takes a request without acknowledgement for done: the addon leaves those out", () => {
  const reply = answer({ type: RTM_NEWLINK, seq: 2, payload: [int32(5)] });
  const outcomes = parseAnswers([create, create], 1, reply);
  assert.deepEqual(
    outcomes.map((outcome) => outcome.status === "done" && outcome.replies.length),
    [0, 1],
  );
  assert.equal(only(parseAnswers([create], 1)).status, "done");
});

for (const { name, bytes } of [
  { name: "nothing", bytes: undefined },
  { name: "an entry", bytes: answer({ type: RTM_NEWLINK, seq: 1, payload: [int32(5)] }) },
]) {
  test(`parseAnswers() throws the named error for a dump of which there is ${name} and no end`, () => {
    assert.throws(() => parseAnswers([dump], 1, bytes), MalformedMessageError);
  });
}

for (const { name, bytes } of malformed) {
  test(`parseAnswers() throws the named error for ${name}`, () => {
    assert.throws(() => parseAnswers([create], 1, bytes), MalformedMessageError);
  });
}

/** Passes if `run` returns or throws the named error. */
function parsesOrNames(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof MalformedMessageError, String(error));
  }
}

test("parseAnswers() parses any bytes or throws the named error", () => {
  const good = Buffer.concat([acknowledge(1, 17, text("taken")), answer({ type: RTM_NEWLINK, seq: 2 })]);
  const damage = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 4 });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), damage, fc.nat(good.length), (random, changes, length) => {
      parsesOrNames(() => parseAnswers([create, dump], 1, Buffer.from(random)));
      const damaged = Buffer.from(good);
      for (const [offset, value] of changes) damaged[offset] = value;
      parsesOrNames(() => parseAnswers([create, dump], 1, damaged.subarray(0, length)));
    }),
  );
});
