import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { after, test } from "node:test";
import type { Connection } from "../../native/connection-table.ts";
import { answerOf, client, frameOf, makeFolder, serve, type Served } from "../../native/test/serve.ts";
import { IFF_RUNNING } from "../../netlink/constants.ts";
import { createPlainLink } from "../../netlink/link/plain-link.ts";
import { deleteLink, getLink, setLink } from "../../netlink/link/link.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { assertInsideTestNamespaces } from "../../testing/runner/privileged.ts";
import type { EarlyReply } from "../types.ts";
import { loadNative } from "./native.ts";
import { createNetlinkClient } from "./netlink-client.ts";

assertInsideTestNamespaces();

const native = loadNative();
const rtnetlink = createNetlinkClient(native);
const { newPath, remove } = makeFolder();

after(() => {
  rtnetlink.close();
  remove();
});

interface Asked {
  readonly served: Served;
  readonly socket: Socket;
  readonly connection: Connection;
  readonly earlyReply: EarlyReply;
  readonly sent: () => number;
}

/** A peer that has asked, and what it is told at the end. */
async function withPeer(use: (asked: Asked) => Promise<void>): Promise<void> {
  await serve(native, { path: newPath() }, async (served) => {
    const socket = await client(served.path, frameOf("question"));
    await eventually("the request has come", () => served.requests.length === 1);
    const { connection } = served.requests[0] ?? assert.fail();
    const descriptor = native.descriptorOf(connection) ?? assert.fail();
    let sent = 0;
    const earlyReply = { socket: descriptor, bytes: Buffer.from("answer"), sent: () => void sent++ };
    await use({ served, socket, connection, earlyReply, sent: () => sent });
    socket.destroy();
  });
}

const get = getLink("lo");
const broken = deleteLink("no-such-link");

test("an early reply is sent once all steps have succeeded, before the event loop hears of it", async () => {
  await withPeer(async ({ socket, connection, earlyReply, sent }) => {
    const [step = []] = await rtnetlink.tryExecute([{ requests: [get] }], earlyReply);
    assert.equal(step[0]?.status, "done");
    assert.equal(sent(), 1);
    const answer = answerOf(socket);
    native.drop(connection);
    assert.equal(await answer, "answer");
    assert.equal(native.descriptorOf(connection), undefined);
  });
});

test("an early reply is not sent after a failure, nor when a link has not the flags that were wanted", async () => {
  await rtnetlink.execute([{ requests: [createPlainLink({ kind: "ifb", name: "t0", mtu: 1400 })] }]);
  await withPeer(async ({ socket, connection, earlyReply, sent }) => {
    await rtnetlink.tryExecute([{ requests: [get] }, { requests: [broken] }], earlyReply);
    const wanted = { requests: [getLink("t0")], wantedFlags: IFF_RUNNING };
    const [[look] = [], skipped] = await rtnetlink.tryExecute([wanted, { requests: [get] }], earlyReply);
    assert.deepEqual([look?.status, skipped], ["done", [{ status: "skipped" }]]);
    assert.equal(sent(), 0);
    await rtnetlink.execute([{ requests: [setLink("t0", { up: true })] }]);
    await rtnetlink.tryExecute([{ requests: [getLink("t0")], wantedFlags: IFF_RUNNING }], earlyReply);
    assert.equal(sent(), 1);
    const answer = answerOf(socket);
    native.drop(connection);
    assert.equal(await answer, "answer");
  });
  await rtnetlink.execute([{ requests: [deleteLink("t0")] }]);
});

test("an early reply that nobody reads is none: the runtime has gone, and its pod has to be rolled back", async () => {
  await withPeer(async ({ served, socket, connection, earlyReply, sent }) => {
    socket.destroy();
    await once(socket, "close");
    const [step = []] = await rtnetlink.tryExecute([{ requests: [get] }], earlyReply);
    assert.equal(step[0]?.status, "done");
    assert.equal(sent(), 0);
    assert.ok(native.isGone(connection));
    assert.deepEqual(served.refused, []);
  });
});

test("an early reply goes to its connection alone, also when that is closed meanwhile and its number given again", async () => {
  await withPeer(async ({ socket, connection, earlyReply, sent }) => {
    const answer = answerOf(socket);
    const done = rtnetlink.tryExecute([{ requests: [get] }], earlyReply);
    native.drop(connection);
    const other = native.openNetlink(0, 0);
    await done;
    native.close(other);
    assert.equal(sent(), 1);
    assert.equal(await answer, "answer");
  });
});
