import assert from "node:assert/strict";
import { test } from "node:test";
import { labelSelectorOf, podSelectorOf } from "./selectors.ts";
import { createBigSelectors } from "./state/big-selectors.ts";
import { createMemberLists } from "./state/members.ts";
import { createObjectStore } from "./state/objects/object-store.ts";

test("each ADD went through the selectors of all policies to find those that nobody uses", () => {
  const lists = createMemberLists(createObjectStore());
  let looks = 0;
  const counted = {
    ...lists,
    get lists() {
      looks += 1;
      return lists.lists;
    },
  };
  const big = createBigSelectors(counted, { shareAbove: 2, copyBelow: 1 });
  const selectors = ["a", "b", "c"].map((namespace) => podSelectorOf(namespace, labelSelectorOf([])));
  for (const selector of selectors) assert.equal(big.isBig(selector), false);
  const gone = lists.sweep();
  assert.deepEqual(
    gone,
    selectors.map(({ key }) => key),
  );
  big.forget(gone);
  assert.deepEqual(lists.sweep(), []);
  assert.equal(looks, 0);
});
