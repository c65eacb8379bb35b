import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, test } from "node:test";
import { Worker } from "node:worker_threads";
import { makeFolder } from "../../native/test/serve.ts";
import { assertInsideTestNamespaces } from "../../testing/runner/privileged.ts";
import { loadNative } from "./native.ts";

assertInsideTestNamespaces();

const native = loadNative();
const { newPath, remove } = makeFolder();

after(remove);

test("openNetlink() and prepareNetlink() name what failed", () => {
  assert.throws(() => native.openNetlink(99, 0), { code: "EPROTONOSUPPORT", syscall: "socket" });
  const fd = native.openNetlink(0, 0);
  native.prepareNetlink(fd);
  native.close(fd);
  assert.throws(() => native.prepareNetlink(fd), { code: "EBADF", syscall: "setsockopt" });
  assert.throws(() => native.close(fd), { code: "EBADF", syscall: "close" });
  assert.throws(() => native.close(-1), RangeError);
});

test("request() rejects with the failed system call, and refuses bytes that are no messages", async () => {
  const message = Buffer.alloc(16);
  message.writeUInt32LE(16);
  await assert.rejects(native.request([{ fd: 9999, bytes: message }]), { code: "EBADF", syscall: "sendto" });
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.alloc(16),
    message.subarray(0, 12),
    Buffer.alloc(20, message),
  ]) {
    await assert.rejects(native.request([{ fd: 0, bytes }]), RangeError);
  }
  assert.deepEqual(await native.request([]), []);
});

test("loadNative() lets a worker thread end in the middle of everything", async () => {
  const url = JSON.stringify(new URL("native.ts", import.meta.url).href);
  const code = (path: string): string => `import(${url}).then(({ loadNative }) => {
    const native = loadNative();
    native.listen(${JSON.stringify(path)}, { onRequest() {}, onGone() {}, onRefused() {} });
    const fd = native.openNetlink(0, 1);
    native.watch(fd, () => {}, () => {});
    const dump = Buffer.alloc(32);
    dump.writeUInt32LE(32); dump.writeUInt16LE(18, 4); dump.writeUInt16LE(0x301, 6); dump.writeUInt32LE(1, 8);
    const own = native.openNetlink(0, 0);
    const again = () => native.request([{ fd: own, bytes: dump }]).then(again);
    again();
    require("node:worker_threads").parentPort.postMessage("running");
  });`;
  for (let round = 0; round < 5; round++) {
    const path = newPath();
    const worker = new Worker(code(path), { eval: true });
    await once(worker, "message");
    const socket = connect(path);
    await once(socket, "connect");
    await worker.terminate();
    socket.destroy();
  }
});
