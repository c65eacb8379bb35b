import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { createFormerPods } from "./former-pods.ts";

const [ADDRESS, OTHER, HELD, FOREIGN] = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "192.0.2.1"];

/** Of an agent that comes to a node where a pod has an address. */
function setUp({ isNeeded = true } = {}) {
  const clock = createFakeClock();
  /** Which of the addresses were forgotten, each time. */
  const asked: (readonly string[])[] = [];
  const errors: unknown[] = [];
  const kernel = {
    failure: undefined as Error | undefined,
    forgetPods(isGone: (address: string) => boolean) {
      asked.push([ADDRESS, OTHER, HELD, FOREIGN].filter(isGone));
      return kernel.failure === undefined ? Promise.resolve() : Promise.reject(kernel.failure);
    },
  };
  const need = { isNeeded };
  const former = createFormerPods({
    kernel,
    clock,
    isOfPods: (address) => address !== FOREIGN,
    isNeeded: () => need.isNeeded,
    onError: (error) => errors.push(error),
  });
  former.held([HELD]);
  return { clock, asked, errors, kernel, former, need };
}

/** The same, when what was before it is forgotten. */
async function setUpLater() {
  const setup = setUp();
  setup.former.look();
  await setup.clock.advance(1000);
  setup.asked.length = 0;
  return setup;
}

test("createFormerPods() reads connections twice a second at most, and never without need", async () => {
  const { clock, asked, former } = await setUpLater();
  await former.forgotten([ADDRESS]);
  former.look();
  former.gone([ADDRESS]);
  await clock.advance(1);
  former.gone([OTHER]);
  former.gone([HELD]);
  await clock.advance(1);
  assert.deepEqual(asked, [[ADDRESS]]);
  await clock.advance(500);
  assert.deepEqual(asked.slice(1), [[OTHER, HELD]]);
  await former.forgotten([ADDRESS, OTHER]);
  assert.equal(asked.length, 2);
});

test("createFormerPods() holds an address until its connections are forgotten, and tells a failure", async () => {
  const { clock, errors, kernel, former } = await setUpLater();
  kernel.failure = new Error("Cannot list");
  former.gone([ADDRESS]);
  await clock.advance(1);
  const refused = assert.rejects(former.forgotten([ADDRESS]), /Cannot list/);
  await clock.advance(1000);
  await refused;
  kernel.failure = undefined;
  const forgotten = former.forgotten([ADDRESS]);
  await clock.advance(2000);
  await forgotten;
  assert.ok(errors.length > 0);
});

test("an agent that was killed right after a DEL: the next one forgets connections of all addresses that no pod has", async () => {
  const { clock, asked, former } = setUp();
  former.look();
  await clock.advance(1);
  assert.deepEqual(asked, [[ADDRESS, OTHER]]);
  await former.forgotten([ADDRESS]);
  assert.equal(asked.length, 1);
});

test("createFormerPods() reads no connections where there are no policies, and makes up for it when some come", async () => {
  const { clock, asked, former, need } = setUp({ isNeeded: false });
  former.look();
  await former.forgotten([OTHER]);
  former.held([OTHER]);
  former.gone([HELD]);
  await clock.advance(1000);
  assert.deepEqual(asked, []);
  need.isNeeded = true;
  former.look();
  await clock.advance(1);
  assert.deepEqual(asked, [[ADDRESS, HELD]]);
});
