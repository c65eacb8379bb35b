import assert from "node:assert/strict";
import { test } from "node:test";
import type { NetlinkRequest, Outcome } from "../../netlink/message/message.ts";
import { NetlinkError } from "../../netlink/message/netlink-error.ts";
import { createDetacher } from "./detach-pods.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

const ENODEV = 19;

/** A kernel without links that answers each batch when it is told to. */
function createSlowKernel() {
  const asked: { readonly names: readonly string[]; readonly answer: () => void }[] = [];
  const refuse = ({ what }: NetlinkRequest): Outcome => {
    return { status: "failed", error: new NetlinkError({ errno: ENODEV, what }) };
  };
  const tryExecute: NetlinkClient["tryExecute"] = async (steps) => {
    const requests = steps.flatMap(({ requests: list }) => ("bytes" in list ? [] : list));
    const names = requests.map(({ what }) => what);
    await new Promise<void>((answer) => asked.push({ names, answer }));
    return [requests.map(refuse)];
  };
  const rtnetlink: NetlinkClient = {
    tryExecute,
    execute: () => Promise.reject(new Error("not asked")),
    dump: () => Promise.resolve([]),
    walk: () => Promise.reject(new Error("not asked")),
    withSocket: () => Promise.reject(new Error("not asked")),
    close: () => undefined,
  };
  return { rtnetlink, asked };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("detach() works on two batches at the same time, and collects what comes meanwhile for the next", async () => {
  const { rtnetlink, asked } = createSlowKernel();
  const detacher = createDetacher({
    rtnetlink,
    bridge: () => undefined,
    removeElements: () => Promise.resolve(),
  });
  const pending: Promise<unknown>[] = [];
  for (const name of ["a", "b", "c", "d"]) {
    pending.push(detacher.detach(name, {}));
    await turn();
    await turn();
  }
  assert.deepEqual(
    asked.map(({ names }) => names),
    [['get link "a"'], ['get link "b"']],
  );
  asked[0]?.answer();
  await turn();
  assert.deepEqual(asked[2]?.names, ['get link "c"', 'get link "d"']);
  for (const { answer } of asked) answer();
  assert.deepEqual(await Promise.all(pending), ["gone", "gone", "gone", "gone"]);
});

test("detach() goes on when the rules cannot be changed, and tells that in the end", async () => {
  const { rtnetlink, asked } = createSlowKernel();
  const detacher = createDetacher({
    rtnetlink,
    bridge: () => undefined,
    removeElements: () => Promise.reject(new Error("Cannot run nft")),
  });
  const outcome = detacher.detach("a", {}).catch(String);
  await turn();
  await turn();
  assert.deepEqual(asked[0]?.names, ['get link "a"'], "the link is looked for all the same");
  asked[0]?.answer();
  assert.equal(await outcome, "Error: Cannot run nft");
});
