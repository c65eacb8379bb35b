import assert from "node:assert/strict";
import { test } from "node:test";
import { formatHeader } from "../../netlink/package.ts";
import {
  NLM_F_CAPPED,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  RTM_NEWLINK,
} from "../../netlink/constants.ts";
import { dumpLinks } from "../../netlink/link/link.ts";
import { type NetlinkMessage, type NetlinkRequest, parseMessages } from "../../netlink/message/message.ts";
import { dumpRoutes } from "../../netlink/route/route.ts";
import type { NativeStep } from "./native.ts";
import { createNetlinkClient, DumpInterruptedError } from "./netlink-client.ts";

/** What the fake kernel answers to one message: an error number (0: success), and flags of a dump. */
type Reply = (message: NetlinkMessage) => { readonly errno?: number; readonly flags?: number };

const set: NetlinkRequest = { type: RTM_NEWLINK, flags: 0, payload: [Buffer.alloc(16)], what: "set x" };

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function answerTo(message: NetlinkMessage, reply: Reply): Buffer {
  const { errno = 0, flags = 0 } = reply(message);
  const { seq, type } = message;
  const header = (kind: number, length: number, more: number): Buffer =>
    formatHeader({ length: 16 + length, type: kind, flags: more, seq, port: 1 });
  if ((message.flags & NLM_F_DUMP) === NLM_F_DUMP) {
    const entry = Buffer.concat([header(RTM_NEWLINK, 4, flags), int32(77)]);
    return Buffer.concat([entry, header(NLMSG_DONE, 4, flags), int32(-errno)]);
  }
  const request = formatHeader({ length: 32, type, flags: 0, seq, port: 0 });
  return Buffer.concat([header(NLMSG_ERROR, 20, NLM_F_CAPPED), int32(-errno), request]);
}

/**
 * Sockets that may be used only while open and by one request at a time; a step with an error ends the
 * sequence, as in the addon.
 */
function createFakeNative(reply: Reply, until: Promise<void> = Promise.resolve()) {
  const open = new Set<number>();
  const prepared = new Set<number>();
  const busy = new Set<number>();
  const sends: { readonly fd: number; readonly count: number }[] = [];
  let lastFd = 10;
  return {
    open,
    busy,
    sends,
    openNetlink() {
      lastFd += 1;
      open.add(lastFd);
      prepared.add(lastFd);
      return lastFd;
    },
    prepareNetlink: (fd: number) => void prepared.add(fd),
    close: (fd: number) => assert.ok(open.delete(fd), `close of closed descriptor ${fd}`),
    async request(steps: readonly NativeStep[]) {
      const batches = steps.map(({ fd, bytes }) => ({ fd, messages: parseMessages(Buffer.from(bytes)) }));
      const fds = new Set(steps.map(({ fd }) => fd));
      for (const fd of fds) {
        assert.ok(prepared.has(fd), `descriptor ${fd} is not prepared`);
        assert.ok(!busy.has(fd), `descriptor ${fd} is used twice at a time`);
        busy.add(fd);
      }
      await until;
      for (const fd of fds) busy.delete(fd);
      const answers: Buffer[] = [];
      for (const { fd, messages } of batches) {
        sends.push({ fd, count: messages.length });
        answers.push(Buffer.concat(messages.map((message) => answerTo(message, reply))));
        if (messages.some((message) => (reply(message).errno ?? 0) !== 0)) break;
      }
      return answers;
    },
  };
}

test("dump() asks again while the kernel says that the dump was interrupted", async () => {
  let asked = 0;
  const native = createFakeNative(() => ({ flags: asked < 6 ? NLM_F_DUMP_INTR : 0 }));
  const rtnetlink = createNetlinkClient({
    ...native,
    request: (steps) => {
      asked += 1;
      return native.request(steps);
    },
  });
  assert.deepEqual(await rtnetlink.dump(dumpRoutes({ family: 4 })), [int32(77)]);
  assert.equal(asked, 6);
});

test("dump() gives up with a named error when the kernel never gets it done", async () => {
  const native = createFakeNative(() => ({ flags: NLM_F_DUMP_INTR }));
  await assert.rejects(createNetlinkClient(native).dump(dumpRoutes({ family: 4 })), (error) => {
    assert.ok(error instanceof DumpInterruptedError);
    assert.equal(error.message, "Cannot list IPv4 routes: changed during each of 10 attempts");
    return true;
  });
  assert.equal(native.sends.length, 10);
});

/**
 * A kernel whose links change during each dump: `dumps` are their indices in the dumps that follow one
 * another, `now` those that are there.
 */
function createChangingNative(dumps: readonly (readonly number[])[], now: readonly number[]) {
  const native = createFakeNative(() => ({}));
  const asked: string[] = [];
  return {
    ...native,
    asked,
    async request(steps: readonly NativeStep[]) {
      const messages = steps.flatMap(({ bytes }) => parseMessages(Buffer.from(bytes)));
      return Promise.resolve(
        messages.map(({ seq, flags, payload }) => {
          const answer = (type: number, body: Buffer, more = 0): Buffer =>
            Buffer.concat([
              formatHeader({ length: 16 + body.length, type, flags: more, seq, port: 1 }),
              body,
            ]);
          const link = (index: number, more: number): Buffer => {
            const body = Buffer.alloc(16);
            body.writeInt32LE(index, 4);
            return answer(RTM_NEWLINK, body, more);
          };
          if ((flags & NLM_F_DUMP) === NLM_F_DUMP) {
            const indices = dumps[asked.length] ?? [];
            asked.push("dump");
            const links = indices.map((index) => link(index, NLM_F_DUMP_INTR));
            return Buffer.concat([...links, answer(NLMSG_DONE, int32(0), NLM_F_DUMP_INTR)]);
          }
          const index = payload.readInt32LE(4);
          asked.push(String(index));
          const isThere = now.includes(index);
          const end = answer(NLMSG_ERROR, Buffer.concat([int32(isThere ? 0 : -19), Buffer.alloc(16)]));
          return isThere ? Buffer.concat([link(index, 0), end]) : end;
        }),
      );
    },
  };
}

test("a start does not fail while links of others come and go all the time: two dumps of links are made one", async () => {
  const native = createChangingNative(
    [
      [1, 2, 3, 4],
      [1, 4, 5],
    ],
    [1, 2, 4, 5],
  );
  const payloads = await createNetlinkClient(native).dump(dumpLinks());
  assert.deepEqual(
    payloads.map((payload) => payload.readInt32LE(4)),
    [1, 4, 5, 2],
  );
  assert.deepEqual(native.asked, ["dump", "dump", "2", "3"], "only what one of them lacks is asked for");
});

test("dump() throws the error at the end of a dump, and knows which one means that there is nothing", async () => {
  const rtnetlink = createNetlinkClient(createFakeNative(() => ({ errno: 2 })));
  await assert.rejects(rtnetlink.dump(dumpLinks()), { code: "ENOENT" });
  assert.deepEqual(await rtnetlink.dump(dumpRoutes({ family: 4 })), []);
});

test("execute() throws the first error and sends no later step", async () => {
  const native = createFakeNative(({ seq }) => ({ errno: seq === 2 ? 17 : 0 }));
  const second = { ...set, what: "set y" };
  await assert.rejects(
    createNetlinkClient(native).execute([{ requests: [set, second] }, { requests: [set] }]),
    {
      name: "NetlinkError",
      message: "Cannot set y: EEXIST (already exists)",
    },
  );
  assert.deepEqual(
    native.sends.map(({ count }) => count),
    [2],
  );
});

test("tryExecute() gives errors as values, in the order of the requests", async () => {
  const native = createFakeNative(({ seq }) => ({ errno: seq === 2 ? 17 : 0 }));
  const steps = [{ requests: [set, set] }, { socket: 5, requests: [set] }];
  const outcomes = await createNetlinkClient(native).tryExecute(steps);
  assert.deepEqual(
    outcomes.map((step) => step.map(({ status }) => status)),
    [["done", "failed"], ["skipped"]],
  );
});

for (const { failing, want } of [
  { failing: 0, want: { counts: [100, 100, 50, 1], last: "done" } },
  { failing: 3, want: { counts: [100, 100, 50], last: "skipped" } },
]) {
  test(`tryExecute() splits a long step, tries all of it, and ${want.last === "done" ? "goes on" : "stops after an error"}`, async () => {
    const native = createFakeNative(({ seq }) => ({ errno: seq === failing ? 17 : 0 }));
    const steps = [{ requests: Array.from({ length: 250 }, () => set) }, { requests: [set] }];
    const [long, last] = await createNetlinkClient(native).tryExecute(steps);
    assert.deepEqual(
      native.sends.map(({ count }) => count),
      want.counts,
    );
    assert.deepEqual(
      long?.map(({ status }, index) => (status === "failed" ? index + 1 : 0)).filter((seq) => seq > 0),
      failing === 0 ? [] : [failing],
    );
    assert.equal(last?.[0]?.status, want.last);
  });
}

test("execute() gives nothing for a step without requests", async () => {
  const native = createFakeNative(() => ({}));
  assert.deepEqual(await createNetlinkClient(native).execute([{ requests: [] }, { requests: [set] }]), [
    [],
    [[]],
  ]);
});

test("execute() uses at most 8 sockets of its own, each for one request at a time, and keeps them", async () => {
  const gate = Promise.withResolvers<void>();
  const native = createFakeNative(() => ({}), gate.promise);
  const rtnetlink = createNetlinkClient(native);
  const running = Array.from({ length: 20 }, () => rtnetlink.execute([{ requests: [set] }]));
  await new Promise(setImmediate);
  assert.equal(native.busy.size, 8);
  gate.resolve();
  await Promise.all(running);
  assert.equal(native.sends.length, 20);
  assert.equal(native.open.size, 8);
  rtnetlink.close();
  assert.equal(native.open.size, 0);
  await assert.rejects(rtnetlink.execute([{ requests: [set] }]), /closed/);
});

test("execute() opens no socket of its own for steps that bring theirs", async () => {
  const native = createFakeNative(() => ({}));
  await createNetlinkClient(native).execute([{ socket: 5, requests: [set] }]);
  assert.equal(native.open.size, 0);
});

test("execute() does not use a socket again whose request failed: answers may be left in it", async () => {
  const native = createFakeNative(() => ({}));
  let fail = true;
  const rtnetlink = createNetlinkClient({
    ...native,
    request: (steps) => (fail ? Promise.reject(new Error("ENOBUFS")) : native.request(steps)),
  });
  await assert.rejects(rtnetlink.execute([{ requests: [set] }]), /ENOBUFS/);
  assert.equal(native.open.size, 0);
  fail = false;
  await rtnetlink.execute([{ requests: [set] }]);
  assert.deepEqual(native.sends, [{ fd: 12, count: 1 }]);
});

test("execute() leaves no byte of a secret in the request or in the batch", async () => {
  const sent: Uint8Array[] = [];
  const native = createFakeNative(() => ({}));
  const client = createNetlinkClient({
    ...native,
    request(steps) {
      sent.push(...steps.map(({ bytes }) => bytes));
      assert.ok(sent.at(-1)?.includes(0xab), "it is sent");
      return native.request(steps);
    },
  });
  const secret = Buffer.alloc(32, 0xab);
  await client.execute([{ requests: [{ ...set, payload: [secret], isSecret: true }] }]);
  assert.ok(![secret, ...sent].some((bytes) => bytes.includes(0xab)));
  await client.execute([{ requests: [{ ...set, payload: [Buffer.alloc(32, 0xab)] }] }]);
  assert.ok(sent.at(-1)?.includes(0xab), "of other requests nothing is overwritten");
});
