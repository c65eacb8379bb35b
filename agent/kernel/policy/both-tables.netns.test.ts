import assert from "node:assert/strict";
import { after, afterEach, type TestContext, test } from "node:test";
import { cidrOf } from "../../net/cidr.ts";
import { NETLINK_NETFILTER } from "../../netlink/nft/nft-generation.ts";
import { TABLE_NAME } from "../../plan/nft/nft-table.ts";
import { planRuleset } from "../../plan/rules/ruleset.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { runOnHost } from "../../testing/machine/netns.ts";
import { createShopEngine, WEB_POLICY } from "../../testing/policy/shop-engine.ts";
import { assertInsideTestNamespaces } from "../../testing/runner/privileged.ts";
import { createGenerations } from "../nft/generations.ts";
import { createNftables } from "../nft/nftables.ts";
import { watchNftables } from "../nft/watch-nftables.ts";
import { loadNative } from "../socket/native.ts";
import { createNetlinkClient } from "../socket/netlink-client.ts";
import { createPolicyKernel } from "./linux-policy-kernel.ts";
import { POLICY_TABLE } from "./table/base-table.ts";

assertInsideTestNamespaces();
const native = loadNative();
const netfilter = createNetlinkClient(native, NETLINK_NETFILTER);
afterEach(() => runOnHost("nft", "flush", "ruleset"));
after(() => netfilter.close());

const RULESET = planRuleset({
  bridge: "cw0",
  masquerade: { families: [4], randomPorts: true },
  serviceAddresses: [],
  overlay: undefined,
  podCidrs: [cidrOf("10.244.1.0", 24)],
  insideCidrs: [],
});

/** Both kinds of tables, as an agent keeps them; counts the dumps of the kernel, and hears of changes. */
function openTables(context: TestContext) {
  let dumps = 0;
  const counting = {
    ...netfilter,
    dump(...args: Parameters<typeof netfilter.dump>) {
      dumps += 1;
      return netfilter.dump(...args);
    },
  };
  const generations = createGenerations();
  const nftables = createNftables({ netfilter: counting, generations, onRestored: () => undefined });
  const policy = createPolicyKernel({ netfilter: counting, generations });
  const told: string[] = [];
  const watch = watchNftables(native, {
    tables: new Map([
      [TABLE_NAME, { ...nftables, onChange: () => void told.push("main") }],
      [POLICY_TABLE.table, { ...policy, onChange: () => void told.push("policy") }],
    ]),
    onCommit: generations.notice,
    onForeign: () => void told.push("foreign"),
  });
  context.after(() => watch.stop());
  return { nftables, policy, told, dumps: () => dumps };
}

const PORTS = {
  hostLink: "cwa",
  containerId: "c1",
  addresses: ["10.244.1.9"],
  hostPorts: [{ protocol: "tcp", hostPort: 8080, containerPort: 80, hostIp: undefined }],
} as const;

test("changes of one table of ours make nobody read the other, or itself", async (context) => {
  const { nftables, policy, told, dumps } = openTables(context);
  const shop = createShopEngine();
  await nftables.ensure(RULESET);
  await policy.ensure(shop.engine.table);
  const before = dumps();
  const look = async (): Promise<void> => {
    assert.deepEqual(await nftables.ensure(RULESET), []);
    assert.deepEqual(await nftables.check(), []);
    assert.deepEqual(await policy.ensure(shop.engine.table), []);
    assert.deepEqual(await policy.check(shop.engine.table), []);
    assert.equal(dumps(), before);
  };
  await policy.apply(shop.addPolicy("web", WEB_POLICY));
  await look();
  await nftables.addHostPorts(PORTS);
  await look();
  await policy.apply(shop.addPod("web-1", { addresses: ["10.244.1.7"], labels: { app: "web" } }));
  await nftables.removePods(["cwa"]);
  await look();
  await runOnHost("nft", "add table ip busy");
  await eventually("the kernel has told of it", () => told.length > 0);
  assert.deepEqual(told, ["foreign"]);
  await look();
});

test("what somebody changes in one table of ours is told, and makes that one alone be read", async (context) => {
  const { nftables, policy, told, dumps } = openTables(context);
  const { engine } = createShopEngine();
  await nftables.ensure(RULESET);
  await policy.ensure(engine.table);
  await runOnHost("nft", "insert rule inet causeway-policy pods4 accept");
  await eventually("the kernel has told of it", () => told.length > 0);
  const before = dumps();
  assert.deepEqual(await nftables.ensure(RULESET), []);
  assert.equal(dumps(), before);
  assert.deepEqual(await policy.ensure(engine.table), ["chain pods4 has other rules"]);
  assert.ok(dumps() > before);
  assert.deepEqual(told, ["policy"]);
  await runOnHost("nft", "flush chain inet causeway postrouting");
  await eventually("the kernel has told of it", () => told.length > 1);
  const between = dumps();
  assert.deepEqual(await policy.ensure(engine.table), []);
  assert.equal(dumps(), between);
  assert.notDeepEqual(await nftables.ensure(RULESET), []);
  assert.deepEqual(told, ["policy", "main"]);
});
