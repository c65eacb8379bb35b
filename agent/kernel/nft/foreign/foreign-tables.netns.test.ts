import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { POLICY_TABLE_NAME, TABLE_NAME } from "../../../plan/nft/nft-table.ts";
import { runOnHost } from "../../../testing/machine/netns.ts";
import { assertInsideTestNamespaces } from "../../../testing/runner/privileged.ts";
import { listForwardChains } from "./forward-chains.ts";
import { listForeignTables } from "./foreign-tables.ts";

assertInsideTestNamespaces();
afterEach(() => runOnHost("nft", "flush", "ruleset"));

test("trace listed the table of network policies as one of others, which takes nft a minute in a large cluster", async () => {
  for (const name of [TABLE_NAME, POLICY_TABLE_NAME, "proxy"])
    await runOnHost("nft", `table inet ${name} { chain forward { type filter hook forward priority 0; }; }`);
  assert.deepEqual(
    (await listForeignTables(4)).map(({ name }) => name),
    ["proxy"],
  );
  assert.deepEqual(
    (await listForwardChains([4])).map(({ table }) => table),
    ["proxy"],
  );
});
