import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { test } from "node:test";
import { KERNEL_FEATURES } from "../../plan/node/kernel-features.ts";
import { runOnHost } from "../../testing/machine/netns.ts";
import { findMissingFeatures } from "./probe-features.ts";

/** Expressions of nf_tables itself, from Linux 5.10 on (nf_tables_core.c). */
const CORE = new Set(["bitwise", "cmp", "immediate", "lookup", "meta", "payload", "range"]);
const MODULES: Readonly<Record<string, string>> = { fib: "nft_fib_inet", notrack: "nft_ct" };

test("all that our rules ask of nftables is tried by itself (nft_counter, nft_objref)", async () => {
  const asked = new Set<string>();
  for (const file of globSync("agent/plan/rules/golden/*.nft")) {
    const said = await runOnHost("nft", "--debug=netlink", "--check", "--file", file);
    for (const [, name = ""] of said.matchAll(/^ +\[ (\w+)/gm)) asked.add(name);
  }
  assert.ok(asked.has("objref"), [...asked].join());
  const tried = new Set(
    KERNEL_FEATURES.filter(({ probe }) => probe !== undefined).map(({ module }) => module),
  );
  const untried = [...asked].filter((name) => !CORE.has(name) && !tried.has(MODULES[name] ?? `nft_${name}`));
  assert.deepEqual(untried, []);
});

test("a kernel that has all is told to lack nothing", async () => {
  assert.deepEqual(await findMissingFeatures(), []);
});
