import assert from "node:assert/strict";
import { test } from "node:test";
import { IFLA_IFNAME } from "../../netlink/constants.ts";
import { setLink } from "../../netlink/link/link.ts";
import { textAttribute } from "../../netlink/message/attributes.ts";
import { createSlowRtnetlink, settled } from "../../testing/faults/slow-rtnetlink.ts";
import { createDetacher } from "./detach-pods.ts";

const ENODEV = 19;

function createSlowDetacher(removeElements = () => Promise.resolve()) {
  const { rtnetlink, calls } = createSlowRtnetlink();
  const detacher = createDetacher({ rtnetlink, bridge: () => undefined, removeElements });
  return { calls, detach: (name: string) => detacher.detach(name, {}) };
}

/** A link of ours, as the kernel tells of it. */
const LINK = Buffer.concat([
  ...setLink(7, { alias: "causeway 1 net id eth0 10.244.1.2\0" }).payload,
  ...textAttribute(IFLA_IFNAME, "cwa"),
]);

test("detach() works on four batches at the same time, and collects what comes meanwhile for the next", async () => {
  const { calls, detach } = createSlowDetacher();
  const pending: Promise<unknown>[] = [];
  for (const name of ["a", "b", "c", "d", "e", "f"]) {
    pending.push(detach(name));
    await settled();
  }
  assert.deepEqual(
    calls.map(({ asked }) => asked),
    [['get link "a"'], ['get link "b"'], ['get link "c"'], ['get link "d"']],
  );
  calls[0]?.answer(ENODEV);
  await settled();
  assert.deepEqual(calls[4]?.asked, ['get link "e"', 'get link "f"']);
  for (const { answer } of calls) answer(ENODEV);
  assert.deepEqual(await Promise.all(pending), ["gone", "gone", "gone", "gone", "gone", "gone"]);
});

test("detach() answers when the link is gone, and keeps its place until the kernel is done with it", async () => {
  const { calls, detach } = createSlowDetacher();
  const [first] = ["a", "b", "c", "d", "e"].map(async (name, place) => {
    for (let turn = 0; turn < place; turn++) await settled();
    return detach(name);
  });
  await settled();
  calls[0]?.answer(0, LINK);
  for (let turn = 0; turn < 5; turn++) await settled();
  const deletions = calls.filter(({ asked }) => asked[0] === "delete link 7");
  // See deleteLinks().
  assert.equal(deletions.length, 2);
  deletions[1]?.answer(ENODEV);
  assert.equal(await first, "detached");
  const isAskedFor = () => calls.some(({ asked }) => asked[0] === 'get link "e"');
  assert.equal(isAskedFor(), false);
  deletions[0]?.answer(0);
  await settled();
  assert.equal(isAskedFor(), true);
});

test("detach() goes on when the rules cannot be changed, and tells that in the end", async () => {
  const { calls, detach } = createSlowDetacher(() => Promise.reject(new Error("Cannot run nft")));
  const outcome = detach("a").catch(String);
  await settled();
  assert.deepEqual(calls[0]?.asked, ['get link "a"'], "the link is looked for all the same");
  calls[0]?.answer(ENODEV);
  assert.equal(await outcome, "Error: Cannot run nft");
});
