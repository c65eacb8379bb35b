import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { createFormerPods } from "./former-pods.ts";

const [ADDRESS, OTHER] = ["10.0.0.1", "10.0.0.2"];

function setUp() {
  const clock = createFakeClock();
  const asked: (readonly string[])[] = [];
  const errors: unknown[] = [];
  const kernel = {
    failure: undefined as Error | undefined,
    forgetPods(addresses: ReadonlySet<string>) {
      asked.push([...addresses]);
      return kernel.failure === undefined ? Promise.resolve() : Promise.reject(kernel.failure);
    },
  };
  const former = createFormerPods({ kernel, clock, onError: (error) => errors.push(error) });
  return { clock, asked, errors, kernel, former };
}

test("createFormerPods() reads connections twice a second at most, and never without need", async () => {
  const { clock, asked, former } = setUp();
  await former.forgotten([ADDRESS]);
  former.gone([ADDRESS]);
  await clock.advance(1);
  former.gone([OTHER]);
  former.gone(["10.0.0.3"]);
  await clock.advance(1);
  assert.deepEqual(asked, [[ADDRESS]]);
  await clock.advance(500);
  assert.deepEqual(asked.slice(1), [[OTHER, "10.0.0.3"]]);
  await former.forgotten([ADDRESS, OTHER]);
  assert.equal(asked.length, 2);
});

test("createFormerPods() holds an address until its connections are forgotten, and tells a failure", async () => {
  const { clock, errors, kernel, former } = setUp();
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
