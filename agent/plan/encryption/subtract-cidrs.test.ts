import assert from "node:assert/strict";
import { test } from "node:test";
import { cidr } from "../../testing/cidr.ts";
import { withRange } from "../../net/address-range.ts";
import { subtractCidrs } from "./subtract-cidrs.ts";

for (const { from, holes, want } of [
  { from: ["10.0.0.0/8"], holes: [], want: ["10.0.0.0/8"] },
  { from: ["10.0.0.0/8"], holes: ["10.0.0.0/8"], want: [] },
  { from: ["10.244.1.0/24"], holes: ["10.244.0.0/16"], want: [] },
  { from: ["10.0.0.0/8"], holes: ["192.0.2.0/24", "fd00::/8"], want: ["10.0.0.0/8"] },
  {
    from: ["10.244.0.0/22"],
    holes: ["10.244.1.0/24"],
    want: ["10.244.0.0/24", "10.244.2.0/23"],
  },
  {
    from: ["10.244.0.0/30"],
    holes: ["10.244.0.1/32", "10.244.0.2/32"],
    want: ["10.244.0.0/32", "10.244.0.3/32"],
  },
  { from: ["fd00::/62"], holes: ["fd00:0:0:3::/64"], want: ["fd00::/63", "fd00:0:0:2::/64"] },
]) {
  test(`subtractCidrs() leaves ${want.join(", ") || "nothing"} of ${from.join()} without ${holes.join()}`, () => {
    const ranged = (texts: readonly string[]) => texts.map((text) => withRange(cidr(text)));
    const left = subtractCidrs(ranged(from), ranged(holes));
    assert.deepEqual(left, ranged(want));
  });
}
