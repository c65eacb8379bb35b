import assert from "node:assert/strict";
import { after, afterEach, type TestContext, test } from "node:test";
import { cidrOf } from "../../net/cidr.ts";
import type { MessageBody } from "../../netlink/message/message.ts";
import { joinTransaction } from "../../netlink/message/join-transaction.ts";
import { NETLINK_NETFILTER } from "../../netlink/nft/nft-generation.ts";
import { TABLE_NAME } from "../../plan/nft/nft-table.ts";
import { planSourceElements } from "../../plan/pods/sources.ts";
import { planRuleset } from "../../plan/rules/ruleset.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { runOnHost } from "../../testing/machine/netns.ts";
import { createShopEngine, WEB_POLICY } from "../../testing/policy/shop-engine.ts";
import { assertInsideTestNamespaces } from "../../testing/runner/privileged.ts";
import type { Admission } from "../nft/elements/pod-elements.ts";
import { changeSources } from "../nft/elements/source-elements.ts";
import { createGenerations } from "../nft/generations.ts";
import { readGeneration } from "../nft/read-generation.ts";
import { createNftables } from "../nft/nftables.ts";
import { watchNftables } from "../nft/watch-nftables.ts";
import { loadNative } from "../socket/native.ts";
import { createNetlinkClient } from "../socket/netlink-client.ts";
import { createPolicyKernel } from "./linux-policy-kernel.ts";
import { POLICY_TABLE } from "./table/base-table.ts";

assertInsideTestNamespaces();
const native = loadNative();
const netfilter = createNetlinkClient(native, NETLINK_NETFILTER);
const rtnetlink = createNetlinkClient(native);
afterEach(() => runOnHost("nft", "flush", "ruleset"));
after(() => {
  netfilter.close();
  rtnetlink.close();
});

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
  const nftables = createNftables({
    netfilter: counting,
    rtnetlink,
    generations,
    onRestored: () => undefined,
  });
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

const SOURCES = {
  hostLink: "cwa",
  addresses: ["10.244.1.7"],
  mac: "0a:58:0a:f4:01:07",
  anySource: false,
} as const;

/** Lets an attachment in, with what joins along; gives what became of the transaction. */
function admit(
  { nftables }: Pick<ReturnType<typeof openTables>, "nftables">,
  bodies: readonly MessageBody[],
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const joinedChanges = { bodies, made: () => resolve(true) };
    const attach = async (admission: Admission | undefined): Promise<"not admitted" | { done: true }> => {
      assert.ok(admission !== undefined);
      const own = [changeSources("add", planSourceElements(SOURCES))];
      const requests = joinTransaction(own, admission.joinedChanges);
      const [[outcome] = []] = await netfilter.tryExecute([
        { socket: admission.socket, isLent: true, requests },
      ]);
      if (outcome?.status !== "done") return "not admitted";
      admission.made();
      return { done: true };
    };
    nftables
      .admit({ sources: SOURCES, isFast: true, joinedChanges }, attach)
      .then((outcome) => outcome === "not admitted" && resolve(false), reject);
  });
}

test("an attachment and its policies are one transaction, after which nobody reads either table", async (context) => {
  const tables = openTables(context);
  const { nftables, policy, told, dumps } = tables;
  const shop = createShopEngine();
  await nftables.ensure(RULESET);
  await policy.ensure(shop.engine.table);
  await policy.apply(shop.addPolicy("web", WEB_POLICY));
  await policy.apply(shop.addPod("web-1", { addresses: ["10.244.1.8"], labels: { app: "web" } }));
  const [before, generation] = [dumps(), await readGeneration(netfilter)];
  const changes = shop.addPod("web-2", { addresses: ["10.244.1.7"], labels: { app: "web" } });
  assert.ok(changes.length > 0);
  await policy.apply(changes, (bodies) => admit(tables, bodies));
  assert.equal(await readGeneration(netfilter), generation + 1);
  assert.deepEqual(await nftables.check(), []);
  assert.deepEqual(await policy.check(shop.engine.table), []);
  assert.equal(dumps(), before);
  assert.deepEqual(await nftables.check({ afresh: true }), []);
  assert.deepEqual(await policy.check(shop.engine.table, { afresh: true }), []);
  assert.deepEqual(told, []);
});

test("an attachment and its policies that the kernel refuses leave nothing: the policies are written alone", async (context) => {
  const tables = openTables(context);
  const { nftables, policy } = tables;
  const shop = createShopEngine();
  await nftables.ensure(RULESET);
  await policy.ensure(shop.engine.table);
  await policy.apply(shop.addPolicy("web", WEB_POLICY));
  await policy.apply(shop.addPod("web-1", { addresses: ["10.244.1.8"], labels: { app: "web" } }));
  await runOnHost("nft", "flush ruleset bridge");
  const changes = shop.addPod("web-2", { addresses: ["10.244.1.7"], labels: { app: "web" } });
  const joins: boolean[] = [];
  await policy.apply(changes, async (bodies) => {
    const isMade = await admit(tables, bodies);
    joins.push(isMade);
    return isMade;
  });
  assert.deepEqual(joins, [false]);
  assert.deepEqual(await policy.check(shop.engine.table, { afresh: true }), []);
  // The other table's own repair finds no trace of the attachment either.
  await nftables.ensure(RULESET);
  assert.deepEqual(await nftables.check({ afresh: true }), []);
  const sources = await runOnHost("nft", "list table bridge causeway");
  assert.doesNotMatch(sources, /10\.244\.1\.7/);
});

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
