import assert from "node:assert/strict";
import { after, afterEach, beforeEach, test } from "node:test";
import fc from "fast-check";
import { NETLINK_NETFILTER } from "../../netlink/nft/nft-generation.ts";
import type { PolicyTable } from "../../plan/policy/compile/policy-table.ts";
import type { TableChange } from "../../plan/policy/state/table-change.ts";
import { runOnHost } from "../../testing/machine/netns.ts";
import { changesOf, createTestEngine, removalOf } from "../../testing/policy/cluster-changes.ts";
import { randomCluster } from "../../testing/policy/random-cluster.ts";
import { createShopEngine, type ShopEngine, WEB_POLICY } from "../../testing/policy/shop-engine.ts";
import { assertInsideTestNamespaces, privileged } from "../../testing/runner/privileged.ts";
import { loadNative } from "../socket/native.ts";
import { createNetlinkClient } from "../socket/netlink-client.ts";
import { createPolicyKernel } from "./linux-policy-kernel.ts";
import type { PolicyKernel } from "./policy-kernel.ts";

assertInsideTestNamespaces();
const netfilter = createNetlinkClient(loadNative(), NETLINK_NETFILTER);
const TABLE = "inet causeway-policy";
let kernel: PolicyKernel;
let shop: ShopEngine;

beforeEach(() => {
  kernel = createPolicyKernel({ netfilter });
  shop = createShopEngine();
});

afterEach(() => runOnHost("nft", "flush", "ruleset"));
after(() => netfilter.close());

/** A web pod, and those that it hears of. */
function openShop(): PolicyTable {
  shop.addPolicy("web", WEB_POLICY);
  shop.addPod("web-1", { addresses: ["10.244.1.7", "fd00:10:244:1::7"], labels: { app: "web" } });
  shop.addPod("front-1", {
    addresses: ["10.244.2.9", "fd00:10:244:2::9"],
    labels: { app: "front" },
    node: "there",
  });
  shop.addPod("batch-1", { addresses: ["10.244.2.10"], labels: { app: "batch" }, node: "there" });
  return shop.engine.table;
}

/** What another agent, which knows nothing, finds to differ. */
function differences(table: PolicyTable): Promise<readonly string[]> {
  return createPolicyKernel({ netfilter }).check(table);
}

async function nft(...lines: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await privileged({
    command: ["nft", "-f", "-"],
    stdin: `${lines.join("\n")}\n`,
  });
  assert.equal(exitCode, 0, stderr);
}

async function nameOf(kind: "chain" | "set", pattern: RegExp): Promise<string> {
  const listed = await runOnHost("nft", "list", "table", "inet", "causeway-policy");
  const names = [...listed.matchAll(new RegExp(`\\t${kind} (\\S+) {`, "g"))].map(([, name = ""]) => name);
  return names.find((name) => pattern.test(name)) ?? assert.fail(`${kind} ${pattern} in ${listed}`);
}

test("ensure() makes a table that nft lists, and that is read back as planned", async () => {
  const table = openShop();
  assert.deepEqual(await kernel.ensure(table), ["the table is missing"]);
  assert.deepEqual(await differences(table), []);
  assert.deepEqual(await kernel.ensure(table), []);
  // Protocols by number: their names are in a file that an image may not have.
  const listed = await runOnHost("nft", "--numeric-protocol", "list", "table", "inet", "causeway-policy");
  for (const part of [
    /10\.244\.1\.7 : jump in4-\w+/,
    /fd00:10:244:1::7 : jump out6-\w+/,
    /type ipv4_addr \. ipv4_addr\n\t\telements = { 10\.244\.1\.7 \. 10\.244\.1\.7 }/,
    /192\.0\.2\.0-192\.0\.2\.6 \. 17 \. 53/,
    /10\.244\.2\.10 \. 6 \. 80/,
    /6 \. 9000-9100/,
    /elements = { 10\.244\.0\.0\/16 }/,
    /elements = { 2001:db8::\/32 }/,
    /@allpods4 @nh,96,32 != @gateways4 meta l4proto \. th dport @ports-\w+ return/,
    /limit rate 10\/second burst 20 packets log prefix "in4-\w+-d\d" group 25463 snaplen 64/,
    /counter packets 0 bytes 0 drop/,
    /type filter hook postrouting priority srcnat - 10; policy accept;/,
    /ct mark & 0x20000000 != 0x00000000 counter packets 0 bytes 0 drop/,
    /ct state established,related accept/,
    /iif 0 fib saddr type local accept/,
    /icmpv6 type 130-137 accept/,
  ])
    assert.match(listed, part);
});

test("remove() takes the table away, and is content when there is none", async () => {
  await kernel.ensure(openShop());
  await kernel.remove();
  assert.doesNotMatch(await runOnHost("nft", "list", "tables"), /causeway-policy/);
  await kernel.remove();
});

test("toOwnNode: allow leaves what comes in to the node alone", async () => {
  const options = { toOwnNode: "allow", markBit: 3 } as const;
  await createPolicyKernel({ netfilter, options }).ensure(openShop());
  const listed = await runOnHost("nft", "list", "table", "inet", "causeway-policy");
  assert.doesNotMatch(listed, /hook input/);
  assert.match(listed, /ct mark & 0x00000008 != 0x00000000/);
  assert.notDeepEqual(await differences(shop.engine.table), []);
});

test("apply() makes of one table the next, and the other way round, without a look at the kernel", async () => {
  const { table } = shop.engine;
  await kernel.ensure(table);
  await kernel.apply(shop.addPolicy("web", WEB_POLICY));
  for (const number of [7, 8, 9])
    await kernel.apply(
      shop.addPod(`web-${number}`, {
        addresses: [`10.244.1.${number}`, `fd00:10:244:1::${number}`],
        labels: { app: "web" },
      }),
    );
  await kernel.apply(
    shop.addPod("batch", { addresses: ["10.244.2.9"], labels: { app: "batch" }, node: "there" }),
  );
  assert.deepEqual(await differences(table), []);
  await kernel.apply(shop.addPolicy("none", { podSelector: {}, policyTypes: ["Ingress"] }));
  assert.deepEqual(await differences(table), []);
  await kernel.apply([...shop.removePod("web-7"), ...shop.removePolicy("web"), ...shop.removePod("batch")]);
  assert.deepEqual(await differences(table), []);
  await kernel.apply([
    ...shop.removePod("web-8"),
    ...shop.removePod("web-9"),
    ...shop.addPod("web-8", { addresses: ["10.244.1.8"], labels: { app: "web" } }),
  ]);
  assert.deepEqual(await differences(table), []);
  await kernel.apply(shop.removePod("web-8"));
  assert.deepEqual(await differences(createShopEngine().engine.table), []);
  assert.deepEqual(await kernel.ensure(table), []);
});

test("tables are taken as they are when ensure() is called, and calls are carried out in their order", async () => {
  const { table } = shop.engine;
  const first = kernel.ensure(table);
  const applied = kernel.apply(shop.addPolicy("web", WEB_POLICY));
  const pod = kernel.apply(shop.addPod("web-1", { addresses: ["10.244.1.7"], labels: { app: "web" } }));
  const second = kernel.ensure(table);
  const later = kernel.apply(shop.addPod("web-2", { addresses: ["10.244.1.8"], labels: { app: "web" } }));
  assert.deepEqual(await Promise.all([first, applied, pod, second, later]), [
    ["the table is missing"],
    undefined,
    undefined,
    [],
    undefined,
  ]);
  assert.deepEqual(await differences(table), []);
});

test("what the kernel refuses is a typed error, changes nothing, and ensure() goes on from there", async () => {
  const table = openShop();
  await kernel.ensure(table);
  const pair = "10.244.1.7 . 10.244.1.7";
  for (const [change, code] of [
    [{ kind: "add elements", set: "self4", elements: ["10.244.1.99 . 10.244.1.99", pair] }, "EEXIST"],
    [{ kind: "remove elements", set: "self4", elements: [pair, "10.244.1.98 . 10.244.1.98"] }, "ENOENT"],
    [
      { kind: "map pod", map: "pods-in4", address: "10.244.1.9", chain: "nowhere", previous: undefined },
      "ENOENT",
    ],
    [{ kind: "remove set", name: await nameOf("set", /^in4-.*-exact$/) }, "EBUSY"],
  ] as const) {
    await assert.rejects(kernel.apply([change]), { name: "NetlinkError", code });
    await assert.rejects(
      kernel.apply([]).then(() => kernel.apply([change])),
      /its state in the kernel is unknown/,
    );
    assert.deepEqual(await differences(table), [], "nothing was changed");
    assert.deepEqual(await kernel.ensure(table), []);
  }
});

/** What somebody does to the table, by name. */
const DAMAGE: Readonly<Record<string, () => Promise<readonly string[]>>> = {
  "nft flush ruleset": () => Promise.resolve(["flush ruleset"]),
  "nft delete table": () => Promise.resolve([`delete table ${TABLE}`]),
  "a rule in front of ours": () => Promise.resolve([`insert rule ${TABLE} pods4 accept`]),
  "a rule in a group": async () => [`insert rule ${TABLE} ${await nameOf("chain", /^in4-\w+$/)} return`],
  "a group without its rules": async () => [`flush chain ${TABLE} ${await nameOf("chain", /^in4-\w+$/)}`],
  "a chain of somebody else": () =>
    Promise.resolve([
      `add chain ${TABLE} theirs { type filter hook forward priority 0; policy drop; }`,
      `add chain ${TABLE} other`,
      `add rule ${TABLE} theirs jump other`,
    ]),
  "a set and a counter of somebody else": () =>
    Promise.resolve([
      `add set ${TABLE} theirs { type mark . iface_index . ether_addr; }`,
      `add element ${TABLE} theirs { 1 . lo . 0a:58:00:00:00:01 }`,
      `add counter ${TABLE} theirs`,
    ]),
  "an element too much, and one too few": () =>
    Promise.resolve([
      `add element ${TABLE} gateways4 { 192.0.2.77 }`,
      `delete element ${TABLE} self4 { 10.244.1.7 . 10.244.1.7 }`,
    ]),
  "an element with a comment": () =>
    Promise.resolve([`add element ${TABLE} gateways4 { 192.0.2.1 comment "theirs" }`]),
  "an interval": () => Promise.resolve([`add element ${TABLE} allpods4 { 192.0.2.7-255.255.255.255 }`]),
  "an interval of a concatenation": async () => [
    `add element ${TABLE} ${await nameOf("set", /^in4-.*-ranges$/)} { 198.51.100.0-198.51.100.6 . 0-255 . 1-9 }`,
  ],
  "a pod that leads elsewhere": () =>
    Promise.resolve([
      `delete element ${TABLE} pods-in4 { 10.244.1.7 }`,
      `add element ${TABLE} pods-in4 { 10.244.1.7 : accept, 10.244.1.200 : drop }`,
    ]),
  "a set of another type in the place of ours": () =>
    Promise.resolve([
      `delete table ${TABLE}`,
      `add table ${TABLE}`,
      `add set ${TABLE} self4 { type ipv4_addr; flags timeout; }`,
    ]),
  "a base chain at another place": () =>
    Promise.resolve([
      `delete table ${TABLE}`,
      `add table ${TABLE}`,
      `add chain ${TABLE} postrouting { type filter hook postrouting priority 5; policy drop; }`,
    ]),
  "a table that sleeps": () => Promise.resolve([`add table ${TABLE} { flags dormant; }`]),
};

for (const [name, damage] of Object.entries(DAMAGE))
  test(`ensure() puts right: ${name}`, async () => {
    const table = openShop();
    await kernel.ensure(table);
    await nft(...(await damage()));
    assert.notDeepEqual(await kernel.check(table), []);
    const found = await kernel.ensure(table);
    assert.notDeepEqual(found, []);
    assert.deepEqual(await differences(table), [], found.join("; "));
    assert.deepEqual(await kernel.check(table), []);
  });

test("a repair is refused when somebody changes the ruleset while it is planned, and planned anew", async () => {
  const table = openShop();
  await kernel.ensure(table);
  await nft(`insert rule ${TABLE} pods4 accept`);
  let isChanged = false;
  const slow = {
    ...netfilter,
    async dump(...args: Parameters<typeof netfilter.dump>) {
      const payloads = await netfilter.dump(...args);
      if (!isChanged && args[0].what.startsWith("list chains")) {
        isChanged = true;
        await nft(`flush chain ${TABLE} pods6`, "add table ip busy");
      }
      return payloads;
    },
  };
  const found = await createPolicyKernel({ netfilter: slow }).ensure(table);
  assert.deepEqual(found, ["chain pods4 has other rules", "chain pods6 has other rules"]);
  assert.deepEqual(await differences(table), []);
});

test("random clusters that follow each other are applied step by step as they are made from scratch", async () => {
  const states = fc.array(randomCluster(3), { minLength: 2, maxLength: 3 });
  const sequences = fc.asyncProperty(states, async (clusters) => {
    const engine = createTestEngine();
    const client = createPolicyKernel({ netfilter });
    await client.ensure(engine.table);
    let before: ReturnType<typeof changesOf> = new Map();
    for (const cluster of clusters) {
      const next = changesOf(cluster);
      const gone = [...before].filter(([name]) => !next.has(name)).map(([, change]) => removalOf(change));
      const changes = [...gone, ...next.values()];
      for (let start = 0; start < changes.length; start += 4)
        await client.apply(engine.apply(changes.slice(start, start + 4)));
      assert.deepEqual(await differences(engine.table), []);
      before = next;
    }
    // In the place of what is there, another agent puts what the first cluster had.
    const other = createTestEngine();
    other.apply([...changesOf(clusters[0] ?? assert.fail()).values()]);
    await createPolicyKernel({ netfilter }).ensure(other.table);
    assert.deepEqual(await differences(other.table), []);
  });
  await fc.assert(sequences, { numRuns: 25 });
});

/**
 * A kernel that refuses long messages, as one does whose sockets may have no large buffers, and of which an
 * agent does not see the end.
 */
function endingAfter(transactions: number) {
  let left = transactions;
  return {
    ...netfilter,
    execute(...args: Parameters<typeof netfilter.execute>) {
      const [request] = args[0].flatMap(({ requests }) => ("bytes" in requests ? [] : requests));
      const bodies = request?.around === undefined ? [] : [...request.around.before, request];
      if (bodies.length === 0) return netfilter.execute(...args);
      if (bodies.length > 8)
        return Promise.reject(Object.assign(new Error("too long"), { code: "EMSGSIZE" }));
      if (left-- === 0) return Promise.reject(new Error("killed"));
      return netfilter.execute(...args);
    },
  };
}

/** Steps from a table to the next one. */
const EDITS: Readonly<Record<string, (at: ShopEngine) => readonly TableChange[]>> = {
  "a first policy": (at) => [
    ...at.addPod("web-1", { addresses: ["10.244.1.7", "fd00:10:244:1::7"], labels: { app: "web" } }),
    ...at.addPolicy("web", WEB_POLICY),
  ],
  "a pod": (at) => at.addPod("web-2", { addresses: ["10.244.1.8"], labels: { app: "web" } }),
  "a policy with other rules": (at) =>
    at.addPolicy("web", { ...WEB_POLICY, ingress: WEB_POLICY.ingress.slice(1) }),
  "no policy": (at) => at.removePolicy("web"),
};

test("an agent that is killed between any two transactions leaves what the next one puts right", async () => {
  let killed = 0;
  const before = createShopEngine();
  for (const [name, edit] of Object.entries(EDITS)) {
    const changes = edit(shop);
    for (const way of ["apply", "ensure"] as const)
      for (let transactions = 0, isDone = false; !isDone; transactions++) {
        await createPolicyKernel({ netfilter }).ensure(before.engine.table);
        const agent = createPolicyKernel({ netfilter: endingAfter(transactions) });
        if (way === "apply") assert.deepEqual(await agent.ensure(before.engine.table), []);
        isDone = await (way === "apply" ? agent.apply(changes) : agent.ensure(shop.engine.table)).then(
          () => true,
          () => false,
        );
        if (!isDone) killed += 1;
        else assert.deepEqual(await differences(shop.engine.table), [], name);
        await createPolicyKernel({ netfilter }).ensure(shop.engine.table);
        assert.deepEqual(await differences(shop.engine.table), [], name);
      }
    edit(before);
  }
  assert.ok(killed > 30, `${killed} times`);
});

test("20,000 peers come, are read back, and go, in one call each", async (context) => {
  const table = openShop();
  await kernel.ensure(table);
  const addresses = Array.from({ length: 20_000 }, (_, index) => `10.245.${index >> 8}.${index & 255}`);
  const set = await nameOf("set", /^in4-.*-exact$/);
  const elements = addresses.map((address) => `${address} . 6 . 80`);
  const measure = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    const start = performance.now();
    await work();
    const spent = performance.now() - start;
    context.diagnostic(`${what}: ${((spent * 1000) / elements.length).toFixed(1)} µs an element`);
  };
  await measure("add", () => kernel.apply([{ kind: "add elements", set, elements }]));
  await measure("read", async () => {
    assert.equal((await differences(table)).length, 1, "that they are too much");
  });
  await measure("remove", () => kernel.apply([{ kind: "remove elements", set, elements }]));
  assert.deepEqual(await differences(table), []);
  await measure("create", () =>
    kernel.apply([
      {
        kind: "add set",
        spec: { name: "big", type: "ipv4_addr . inet_proto . inet_service", isInterval: false },
        elements,
      },
    ]),
  );
  assert.match((await differences(table)).join(), /set big is not planned/);
  await measure("ensure", () => createPolicyKernel({ netfilter }).ensure(table));
  assert.deepEqual(await differences(table), []);
});
