import assert from "node:assert/strict";
import { test } from "node:test";
import { assertGolden } from "../../testing/golden.ts";
import { planConflist } from "./conflist.ts";

test("planConflist() writes the conflist", () => {
  const text = planConflist({ socket: "/run/causeway/agent.sock" });
  assertGolden(text, new URL("./golden/10-causeway.conflist", import.meta.url));
});

test("planConflist() offers 1.0.0 to runtimes that cannot choose: containerd 1.6 refuses a cniVersion 1.1.0", () => {
  const { cniVersion } = JSON.parse(planConflist({ socket: "/s" })) as { cniVersion: string };
  assert.equal(cniVersion, "1.0.0");
});
