import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { ApiServer } from "../../testing/kube/api-server.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import type { FakeClock } from "../../testing/fake-clock.ts";
import { startTestApi } from "../../testing/kube/set-up/test-api.ts";
import type { RecordingLog } from "../../testing/recording-log.ts";
import { type OwnDaemonSet, watchOwnDaemonSet } from "./own-daemon-set.ts";

interface Setup {
  readonly server: ApiServer;
  readonly clock: FakeClock;
  readonly log: RecordingLog;
  readonly own: OwnDaemonSet;
}

const NAME = "causeway";
const FORBIDDEN = { kind: "status", code: 403, reason: "Forbidden", message: "no" } as const;
const UNAUTHORIZED = { kind: "status", code: 401, reason: "Unauthorized", message: "no" } as const;
const NOT_FOUND = { kind: "status", code: 404, reason: "NotFound", message: "no" } as const;

async function setUp(t: TestContext, prepare: (server: ApiServer) => void): Promise<Setup> {
  const api = await startTestApi({ prepare });
  const { server, client, clock, log } = api;
  const own = watchOwnDaemonSet({ client, daemonSet: `kube-system/${NAME}`, clock, log, random: () => 0.5 });
  t.after(async () => {
    await own.close();
    assert.equal(clock.pending(), 0);
    await api.close();
  });
  return { server, clock, log, own };
}

const watched = ({ server }: Setup): Promise<void> =>
  eventually("the watch is open", () => server.daemonSets.watchers() === 1);

/** Waits until the agent has seen it go. */
const seenToGo = ({ log }: Setup): Promise<void> =>
  eventually("it was seen to go", () =>
    log.messages("warn").some((message) => message.includes("was deleted")),
  );

/** The DaemonSet is there, and the watch is open. */
async function setUpWatching(t: TestContext): Promise<Setup> {
  const setup = await setUp(t, ({ daemonSets }) => daemonSets.put(NAME));
  await watched(setup);
  return setup;
}

test("isDeleted() is false while the DaemonSet is there: a rolling restart, an upgrade, a reboot", async (t) => {
  const setup = await setUpWatching(t);
  assert.equal(await setup.own.isDeleted(), false);
  setup.server.daemonSets.put(NAME); // its template changed
  assert.equal(await setup.own.isDeleted(), false);
  assert.deepEqual(new Set(setup.server.daemonSets.asked), new Set([NAME]), "no wider permission is needed");
});

for (const { name, refusal } of [
  { name: "and the API answers", refusal: undefined },
  { name: "and its role with it", refusal: FORBIDDEN },
  { name: "and its account with it", refusal: UNAUTHORIZED },
  { name: "and its namespace with it", refusal: NOT_FOUND },
  { name: "and the API server is gone", refusal: { kind: "reset" } as const },
]) {
  test(`isDeleted() is true once the DaemonSet was seen to go ${name}`, async (t) => {
    const setup = await setUpWatching(t);
    setup.server.daemonSets.setFault(refusal);
    setup.server.daemonSets.remove(NAME);
    await seenToGo(setup);
    assert.equal(await setup.own.isDeleted(), true);
  });
}

test("isDeleted() is true while the DaemonSet waits for its pods to end (propagation policy Foreground)", async (t) => {
  const setup = await setUpWatching(t);
  setup.server.daemonSets.put(NAME, { isLeaving: true });
  await seenToGo(setup);
  assert.equal(await setup.own.isDeleted(), true);
});

test("isDeleted() asks again, for at most 2 s: an API server that hangs does not keep the agent from its end", async (t) => {
  const setup = await setUpWatching(t);
  setup.server.daemonSets.remove(NAME);
  await seenToGo(setup);
  setup.server.daemonSets.setFault({ kind: "hang" });
  const { length } = setup.server.daemonSets.asked;
  const asking = setup.own.isDeleted();
  await eventually("it is asked", () => setup.server.daemonSets.asked.length > length);
  await setup.clock.advance(2000);
  assert.equal(await asking, true);
});

test("isDeleted() is false when a DaemonSet of the name was made again (helm upgrade --force), seen or not yet seen", async (t) => {
  const setup = await setUpWatching(t);
  setup.server.daemonSets.remove(NAME);
  await seenToGo(setup);
  setup.server.daemonSets.put(NAME);
  assert.equal(await setup.own.isDeleted(), false);
});

for (const { name, fault } of [
  { name: "no permission", fault: FORBIDDEN },
  { name: "no account", fault: UNAUTHORIZED },
  { name: "no such resource", fault: NOT_FOUND },
  { name: "no answer", fault: { kind: "reset" } as const },
  {
    name: "an answer that is no list",
    fault: { kind: "body", code: 200, type: "application/json", body: "[]" } as const,
  },
]) {
  test(`isDeleted() is false with ${name}, from the start and after it was there: silence is no evidence`, async (t) => {
    const never = await setUp(t, ({ daemonSets }) => daemonSets.setFault(fault));
    await eventually("it was asked", () => never.log.messages("warn").length > 0);
    assert.equal(await never.own.isDeleted(), false);
    const later = await setUpWatching(t);
    later.server.daemonSets.setFault(fault);
    later.server.daemonSets.endWatches();
    await eventually("the watch has ended", () => later.server.daemonSets.watchers() === 0);
    await later.clock.advance(10_000);
    await eventually("it was asked again", () => later.log.messages("warn").length > 0);
    assert.equal(await later.own.isDeleted(), false);
  });
}

test("isDeleted() is false for a DaemonSet that was never there: its name may be misspelt", async (t) => {
  const setup = await setUp(t, () => undefined);
  await watched(setup);
  assert.equal(await setup.own.isDeleted(), false);
  assert.match(setup.log.messages("warn").join(), /Cannot find DaemonSet "kube-system\/causeway"/);
});

test("watchOwnDaemonSet() notices what happened between two watches", async (t) => {
  const setup = await setUpWatching(t);
  setup.server.daemonSets.endWatches();
  await eventually("the watch has ended", () => setup.server.daemonSets.watchers() === 0);
  setup.server.daemonSets.remove(NAME);
  await setup.clock.advance(10_000);
  await seenToGo(setup);
  assert.equal(await setup.own.isDeleted(), true);
});

test("endsPolicies() is true once the DaemonSet says no more that its agents enforce policies, until it says so again", async (t) => {
  const annotations = { "causeway.io/network-policies": "enforced" };
  const setup = await setUpWatching(t);
  const { server, log, own } = setup;
  assert.equal(own.endsPolicies(), false);
  const said = (): number =>
    log.messages("info").filter((message) => message.includes("no network policies")).length;
  for (const times of [1, 2]) {
    server.daemonSets.put(NAME, { annotations });
    server.daemonSets.put(NAME);
    await eventually("it was seen", () => said() === times);
    assert.equal(own.endsPolicies(), true);
    server.daemonSets.put(NAME, { annotations });
    await eventually("it is taken back", () => !own.endsPolicies());
  }
  assert.equal(await own.isDeleted(), false);
});
