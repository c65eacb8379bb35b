import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "node:test";
import { encodeRequestFrame } from "../cni/request/frame.ts";
import type { Addon } from "./addon.ts";
import { createConnections } from "./connections.ts";

test("a request is handed out before its connection is watched: that took a part of each ADD", async () => {
  const done: string[] = [];
  const frame = encodeRequestFrame({ CNI_COMMAND: "ADD" }, "{}");
  const addon: Partial<Addon> = {
    receive(_fd, bytes) {
      bytes.set(frame);
      return frame.length;
    },
    poll: () => done.push("watched"),
    unpoll: () => undefined,
    close: (fd) => done.push(`closed ${fd}`),
  };
  const connections = createConnections(addon as Addon, 1000);
  const onRequest = (): void => void done.push("handed out");
  connections.add(5, { onRequest, onRefused: assert.fail });
  assert.deepEqual(done, ["handed out"]);
  await turn();
  assert.deepEqual(done, ["handed out", "watched"]);
  connections.add(6, {
    onRequest: (connection) => connections.drop(connection),
    onRefused: assert.fail,
  });
  await turn();
  assert.deepEqual(done.slice(2), ["closed 6"]);
});
