import assert from "node:assert/strict";
import { test } from "node:test";
import { createReadiness } from "../../../lib/readiness.ts";
import type { Ruleset } from "../../../plan/nft/nft-table.ts";
import { KERNEL_FEATURES, type KernelFeature } from "../../../plan/node/kernel-features.ts";
import { createRules } from "./apply-rules.ts";

const WITH: Ruleset = [{ family: "inet", counters: [], sets: [], chains: [] }];
const WITHOUT: Ruleset = [];
const NFT_NAT = KERNEL_FEATURES.filter(({ module }) => module === "nft_nat");
const plan = async (lacksHostPorts: boolean): Promise<Ruleset> => (lacksHostPorts ? WITHOUT : WITH);

/** A kernel that lacks something, and refuses the rulesets that the test wants refused. */
function setUp() {
  const setup = {
    missing: NFT_NAT as readonly KernelFeature[],
    refused: [WITH] as readonly Ruleset[],
    readiness: createReadiness(() => undefined),
    onApplied: (_ruleset: Ruleset): void => undefined,
    apply: (verify: boolean) => apply(plan, { verify }),
  };
  const apply = createRules({
    kernel: {
      ensureRuleset: async (ruleset) => {
        if (setup.refused.includes(ruleset)) throw new Error(`refused ${ruleset.length}`);
        setup.onApplied(ruleset);
        return [];
      },
      findMissingFeatures: async () => setup.missing,
    },
    readiness: setup.readiness,
  });
  return setup;
}

test("a kernel without what only host ports need gets the rules without them, and the node warns", async () => {
  const { apply, readiness } = setUp();
  assert.equal((await apply(true)).ruleset, WITHOUT);
  const [warning] = readiness.warnings();
  assert.equal(warning?.part, "host ports");
  assert.match(
    warning?.reason ?? "",
    /has no module nft_nat \(CONFIG_NFT_NAT\), which is needed for host ports/,
  );
});

test("host ports are back once the kernel has it, at the next look at everything", async () => {
  const setup = setUp();
  await setup.apply(true);
  Object.assign(setup, { missing: [], refused: [] });
  assert.equal((await setup.apply(false)).ruleset, WITHOUT);
  assert.equal((await setup.apply(true)).ruleset, WITH);
  assert.deepEqual(setup.readiness.warnings(), []);
});

test("a module that is installed while rules are applied serves host ports at once: they were refused for a minute", async () => {
  const setup = setUp();
  setup.onApplied = () => void Object.assign(setup, { missing: [], refused: [] });
  assert.equal((await setup.apply(true)).ruleset, WITH);
  assert.deepEqual(setup.readiness.warnings(), []);
});

test("what fails for another reason, or without host ports too, is told by its own error", async () => {
  const setup = setUp();
  setup.refused = [WITH, WITHOUT];
  await assert.rejects(setup.apply(true), /refused 1/);
  Object.assign(setup, { missing: [], refused: [WITH] });
  await assert.rejects(setup.apply(true), /refused 1/);
  assert.deepEqual(setup.readiness.warnings(), []);
});
