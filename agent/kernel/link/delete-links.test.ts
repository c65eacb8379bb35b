import assert from "node:assert/strict";
import { test } from "node:test";
import { createSlowRtnetlink, settled } from "../../testing/faults/slow-rtnetlink.ts";
import { deleteLinks } from "./delete-links.ts";

const EPERM = 1;
const ENODEV = 19;

test("links are gone when a second call finds none, while the first still waits for their memory", async () => {
  const { rtnetlink, calls } = createSlowRtnetlink();
  const { gone, freed } = deleteLinks(rtnetlink, [7], 99);
  let isFreed = false;
  const ended = freed.then(() => (isFreed = true));
  await settled();
  assert.deepEqual(
    calls.map(({ asked }) => asked),
    [["delete link 7"], ["delete link 7"]],
  );
  calls[1]?.answer(ENODEV);
  await gone;
  await settled();
  assert.equal(isFreed, false);
  calls[0]?.answer(0);
  await ended;
});

test("links are deleted by their group once all are in it, also when some have gone meanwhile", async () => {
  const { rtnetlink, calls } = createSlowRtnetlink();
  const { gone, freed } = deleteLinks(rtnetlink, [7, 8], 99);
  await settled();
  assert.deepEqual(
    calls.map(({ asked }) => asked),
    [["set link 7", "set link 8"]],
  );
  calls[0]?.answer(ENODEV);
  await settled();
  assert.deepEqual(
    calls.slice(1).map(({ asked }) => asked),
    [["delete link group 99"], ["delete link group 99"]],
  );
  for (const { answer } of calls) answer(ENODEV);
  await gone;
  await freed;
});

test("a refusal to delete links is told", async () => {
  const { rtnetlink, calls } = createSlowRtnetlink();
  const { gone, freed } = deleteLinks(rtnetlink, [7], 99);
  await settled();
  for (const { answer } of calls) answer(EPERM);
  await assert.rejects(gone, /delete link 7: EPERM/);
  await freed;
});
