import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, afterEach, beforeEach, test } from "node:test";
import fc from "fast-check";
import { withRange } from "../../net/address-range.ts";
import { type Cidr, cidrOf } from "../../net/cidr.ts";
import { NETLINK_NETFILTER } from "../../netlink/nft/nft-generation.ts";
import type { PortBinding } from "../../plan/pods/host-ports.ts";
import type { OverlayNode } from "../../plan/peers/overlay-nodes.ts";
import { planRuleset } from "../../plan/rules/ruleset.ts";
import type { Ruleset } from "../../plan/nft/nft-table.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns, runOnHost } from "../../testing/machine/netns.ts";
import { assertInsideTestNamespaces, endPrivileged, privileged } from "../../testing/runner/privileged.ts";
import { loadNative } from "../socket/native.ts";
import { createNftables, type Nftables } from "./nftables.ts";
import { createNetlinkClient } from "../socket/netlink-client.ts";
import { cidr } from "../../testing/cidr.ts";

assertInsideTestNamespaces();
const netfilter = createNetlinkClient(loadNative(), NETLINK_NETFILTER);
const rtnetlink = createNetlinkClient(loadNative());
const OWN = ["10.244.1.0/24", "fd00:10:244:1::/64"].map(cidr);
const { PATH = "" } = process.env;

let nftables: Nftables;
let restored: (readonly string[])[];
const onRestored = (bindings: readonly PortBinding[]): void => {
  restored.push(bindings.map(({ hostLink }) => hostLink));
};
let folder: string;

beforeEach(() => {
  restored = [];
  nftables = createNftables({ netfilter, rtnetlink, onRestored });
  folder = mkdtempSync(join(tmpdir(), "nft-"));
});

afterEach(async () => {
  process.env["PATH"] = PATH;
  rmSync(folder, { recursive: true });
  await runOnHost("nft", "flush", "ruleset");
});

after(() => {
  netfilter.close();
  rtnetlink.close();
});

function inside(...cidrs: readonly Cidr[]): Ruleset {
  const masquerade = { families: [4, 6] as const, randomPorts: true };
  const common = { bridge: "cw0", masquerade, serviceAddresses: [], overlay: undefined };
  return planRuleset({ ...common, podCidrs: OWN, insideCidrs: cidrs.map(withRange) });
}

/** The guard of an overlay with these other nodes. */
function overlay(...nodes: readonly OverlayNode[]): Ruleset {
  const ownAddresses = ["192.0.2.10", "198.51.100.10", "2001:db8::10"];
  const devices = ["cw-vx", "cw-vx6"];
  const guard = { bridge: "cw0", devices, port: 4789, vni: 4096, isReceiver: true, ownAddresses, nodes };
  const masquerade = { families: [], randomPorts: true };
  const common = { bridge: "cw0", masquerade, serviceAddresses: [], insideCidrs: [] };
  return planRuleset({ ...common, podCidrs: OWN, overlay: guard });
}

/** What another agent, which knows nothing, finds not to be as planned. */
function differences(ruleset: Ruleset): Promise<readonly string[]> {
  return createNftables({ netfilter, rtnetlink, onRestored }).ensure(ruleset);
}

/** From now on nft is this script; `nft` in it is the real one. */
function replaceNft(script: string): void {
  const file = join(folder, "nft");
  writeFileSync(file, `#!/bin/sh\nPATH=\${PATH#*:}\n${script}\n`);
  chmodSync(file, 0o700);
  process.env["PATH"] = `${folder}${delimiter}${PATH}`;
}

/** Writes down what nft is asked, and gives what was since. */
function recordNft(): () => string {
  const log = join(folder, "log");
  writeFileSync(log, "");
  replaceNft(`echo "$@" >> ${log}; if [ "$1" = -f ]; then tee -a ${log} | nft "$@"; else nft "$@"; fi`);
  return () => {
    const said = readFileSync(log, "utf8");
    writeFileSync(log, "");
    return said;
  };
}

function bindingOf(hostLink: string, pod: number, ...ports: readonly number[]): PortBinding {
  return {
    hostLink,
    containerId: `container-${pod}`,
    addresses: [`10.244.1.${pod}`, `fd00:10:244:1::${pod}`],
    hostPorts: ports.map((hostPort) => {
      return { protocol: "tcp", hostPort, containerPort: 80, hostIp: undefined };
    }),
  };
}

test("host ports come and go without an nft process while nobody else changes anything, and are known to be as planned", async () => {
  const ruleset = inside();
  await nftables.ensure(ruleset);
  const said = recordNft();
  writeFileSync(join(folder, "log"), "");
  await nftables.addHostPorts(bindingOf("cwa", 2, 8080, 8081));
  await nftables.addHostPorts(bindingOf("cwb", 3, 8082));
  assert.equal((await nftables.removePods(["cwa", "unknown"])).length, 1);
  assert.deepEqual(await nftables.check(), []);
  assert.deepEqual(await nftables.ensure(ruleset), []);
  assert.equal(said(), "");
  process.env["PATH"] = PATH;
  const other = createNftables({ netfilter, rtnetlink, onRestored });
  await other.adoptPods([{ hostLink: "cwb", ports: bindingOf("cwb", 3, 8082) }]);
  assert.deepEqual(await other.ensure(ruleset), []);
  assert.deepEqual(restored, []);
});

test("host ports are changed beside somebody who changes rulesets of his own all the time, without a look at ours", async () => {
  await nftables.ensure(inside());
  await runOnHost("nft", "add table ip busy");
  const said = recordNft();
  writeFileSync(join(folder, "log"), "");
  await nftables.addHostPorts(bindingOf("cwa", 2, 8080));
  assert.equal(said(), "");
  process.env["PATH"] = PATH;
  assert.deepEqual(await nftables.check(), []);
  assert.equal((await nftables.verifiedGeneration()) > 0, true);
});

test("a hundred ports of a pod and more come in one transaction, or none of them", async () => {
  await nftables.ensure(inside());
  const ports = Array.from({ length: 250 }, (_, index) => 20_000 + index);
  await nftables.addHostPorts(bindingOf("cwa", 2, ...ports));
  assert.deepEqual(await nftables.check(), []);
  const listed = await runOnHost("nft", "list", "map", "inet", "causeway", "ports6");
  assert.equal(listed.match(/(tcp|6) \. 2\d{4} /g)?.length, 250);
  await nftables.removePods(["cwa"]);
  assert.deepEqual(await nftables.check(), []);
  replaceNft("exit 1");
  await runOnHost("nft", "delete table inet causeway");
  await assert.rejects(nftables.addHostPorts(bindingOf("cwb", 3, 8080)));
  assert.deepEqual(nftables.hostPorts(), []);
});

test("ensure() tells whose host ports it has restored", async () => {
  const ruleset = inside();
  await nftables.ensure(ruleset);
  await nftables.addHostPorts(bindingOf("cwa", 2, 8080));
  await runOnHost("nft", "flush map inet causeway ports4");
  await nftables.ensure(ruleset);
  assert.deepEqual(restored, [["cwa"]]);
});

/** Prefixes so close to each other that they meet, merge and part all the time. */
const prefixes = fc.array(
  fc.tuple(fc.boolean(), fc.nat(63), fc.integer({ min: 0, max: 6 })).map(([isIpv6, place, bits]) => {
    return isIpv6
      ? cidrOf(`fd00:10:244:${(place + 256).toString(16)}::`, 64 - bits)
      : cidrOf(`10.244.${place + 64}.0`, 24 - bits);
  }),
  { maxLength: 24 },
);

test("ensure() brings the kernel to every plan of a random sequence, whatever merges and parts", async () => {
  const sequences = fc.asyncProperty(fc.array(prefixes, { minLength: 2, maxLength: 12 }), async (plans) => {
    for (const plan of plans) {
      const ruleset = inside(...plan);
      await nftables.ensure(ruleset);
      assert.deepEqual(await differences(ruleset), []);
    }
  });
  await fc.assert(sequences, { numRuns: 25 });
});

test("ensure() changes the elements that differ in one transaction, and lists nothing while nobody else changes anything", async () => {
  await nftables.ensure(inside(cidr("10.244.2.0/24")));
  const said = recordNft();
  const ruleset = inside(cidr("10.244.2.0/24"), cidr("10.244.3.0/24"));
  const lacks = "table inet causeway: set inside4 lacks 10.244.2.0/23";
  const found = [lacks, "table inet causeway: set inside4 has unexpected elements 10.244.2.0/24"];
  assert.deepEqual(await nftables.ensure(ruleset), found);
  const lines = [
    "-f -",
    "add table inet causeway",
    "delete element inet causeway inside4 { 10.244.2.0/24 }",
    "add element inet causeway inside4 { 10.244.2.0/23 }",
    "",
  ];
  assert.equal(said(), lines.join("\n"));
  assert.deepEqual(await nftables.ensure(inside(cidr("10.244.2.0/23"))), []);
  assert.deepEqual(await nftables.check(), []);
  assert.equal(said(), "");
});

for (const { name, damage } of [
  {
    name: "an element that is to go",
    damage: ["nft delete element inet causeway inside4 { 10.244.4.0/24 }"],
  },
  { name: "the table", damage: ["nft delete table inet causeway"] },
  { name: "the table of family bridge alone", damage: ["nft delete table bridge causeway"] },
  { name: "a rule of the guard", damage: ["nft flush chain bridge causeway prerouting"] },
]) {
  test(`ensure() makes the next plan so when somebody has taken away ${name} meanwhile`, async () => {
    await nftables.ensure(inside(cidr("10.244.4.0/24")));
    for (const command of damage) await runOnHost("sh", "-c", command);
    const ruleset = inside(cidr("10.244.6.0/24"));
    assert.notDeepEqual(await nftables.ensure(ruleset), []);
    assert.deepEqual(await differences(ruleset), []);
  });
}

test("ensure() follows nodes of the overlay by elements alone, and takes a set of prefixes away whose last one has gone", async () => {
  const near: OverlayNode = {
    addresses: ["192.0.2.11", "2001:db8::11"],
    cidrs: [cidr("10.244.2.0/24"), cidr("fd00:2::/64")],
  };
  const far: OverlayNode = {
    addresses: ["2001:db8::12"],
    cidrs: [cidr("10.245.0.0/20"), cidr("fd00:3::/56")],
  };
  await nftables.ensure(overlay(near));
  assert.deepEqual(await differences(overlay(near)), []);
  const said = recordNft();
  await nftables.ensure(
    overlay(near, { ...near, addresses: ["192.0.2.13"], cidrs: [cidr("10.244.4.0/24")] }),
  );
  assert.equal(
    said(),
    [
      "-f -",
      "add table inet causeway",
      "add element inet causeway nodes4 { 192.0.2.13 }",
      "add element inet causeway overlay4 { 192.0.2.13 : c000:020d }",
      "add element inet causeway inner4-24 { c000:020d . 10.244.4.0 }",
      "add element inet causeway inner4-32 { c000:020d . 192.0.2.13 }",
      "",
    ].join("\n"),
  );
  for (const nodes of [[near, far], [far], [near], []]) {
    await nftables.ensure(overlay(...nodes));
    assert.deepEqual(await differences(overlay(...nodes)), []);
  }
  assert.doesNotMatch(said(), /delete table/);
});

test("ensure() brings a counter of the overlay back that somebody has deleted", async () => {
  const ruleset = overlay();
  await nftables.ensure(ruleset);
  await runOnHost("nft", "flush table inet causeway; delete counter inet causeway overlay-inner");
  const found = await differences(ruleset);
  assert.equal(found[0], "table inet causeway: counter overlay-inner is missing");
  assert.deepEqual(await differences(ruleset), []);
});

test("ensure() takes out of its tables what somebody has put there, and replaces a set that does not take its elements", async () => {
  const ruleset = inside(cidr("10.244.4.0/24"));
  const theirs = [
    "add table inet causeway",
    "add set inet causeway inside4 { type ipv4_addr; }",
    "add chain inet causeway theirs { type filter hook forward priority 0; policy drop; }",
    "add table bridge causeway",
    "add chain bridge causeway prerouting { type filter hook prerouting priority -300; policy drop; }",
  ];
  for (const kept of [theirs, theirs.slice(0, 2)]) {
    await runOnHost("sh", "-c", `echo '${kept.join("\n")}' | nft -f -`);
    await nftables.ensure(ruleset);
    assert.deepEqual(await differences(ruleset), []);
    assert.doesNotMatch(await runOnHost("nft", "list", "ruleset"), /theirs|policy drop/);
    await runOnHost("nft", "flush", "ruleset");
  }
});

const CATCH_ALL = "add element inet causeway services4 { * }";

/** Nothing of these can be mistaken for what is planned, or keeps the tables from being read. */
const FOREIGN: Readonly<Record<string, readonly string[]>> = {
  "an interval that is no prefix": ["add element inet causeway inside4 { 192.0.2.1-192.0.2.6 }"],
  "an interval up to the last address": [
    "add element inet causeway inside4 { 250.0.0.1-255.255.255.255 }",
    "add element inet causeway pods4 { 0.0.0.0-0.0.0.9 }",
  ],
  "an element with a comment": ['add element inet causeway services4 { 192.0.2.1 comment "theirs" }'],
  "an element for all other keys": [CATCH_ALL],
  "a set of other types": [
    "add set inet causeway theirs { type mark . iface_index . ether_addr; }",
    "add element inet causeway theirs { 1 . lo . 0a:58:00:00:00:01 }",
  ],
  "a chain that no hook calls": [
    "add chain inet causeway theirs",
    "add rule inet causeway theirs accept",
    "add chain bridge causeway theirs",
  ],
  "flags that let our table sleep": ["add table inet causeway { flags dormant; }"],
  "a set of elements that end by themselves, in place of ours": [
    "delete table inet causeway",
    "add table inet causeway",
    "add set inet causeway services4 { type ipv4_addr; flags timeout; }",
    "add element inet causeway services4 { 192.0.2.1 timeout 1h }",
  ],
  "a map to verdicts in place of ours": [
    "delete table inet causeway",
    "add table inet causeway",
    "add map inet causeway ports4 { type ipv4_addr : verdict; }",
    "add element inet causeway ports4 { 192.0.2.1 : drop }",
  ],
  "what a newer release may leave: objects, maps and chains of kinds that this one does not make": [
    "delete table inet causeway",
    "add table inet causeway",
    "add quota inet causeway theirs over 1 mbytes",
    "add limit inet causeway theirs-rate rate 10/second",
    "add ct timeout inet causeway theirs-timeout { protocol tcp; l3proto ip; policy = { established: 100 }; }",
    "add map inet causeway theirs-map { type ipv4_addr . inet_service : verdict; flags interval; }",
    "add chain inet causeway theirs-chain",
    "add element inet causeway theirs-map { 192.0.2.0/24 . 80-90 : goto theirs-chain }",
    "add chain inet causeway theirs-nat { type nat hook prerouting priority -100; }",
    "add rule inet causeway theirs-nat ip daddr . tcp dport vmap @theirs-map",
    "add chain inet causeway theirs-route { type route hook output priority -150; }",
    'add rule inet causeway theirs-route quota name "theirs" meta mark set 1',
  ],
  "an interval of a concatenation in place of our element": [
    "delete table inet causeway",
    "add table inet causeway",
    "add set inet causeway hairpin4 { type ipv4_addr . ipv4_addr; flags interval; }",
    "add element inet causeway hairpin4 { 192.0.2.0/24 . 192.0.2.1-192.0.2.7 }",
  ],
};

/**
 * Leaves this in our table. Linux before 5.13 refuses an element for all other keys, unless the distribution
 * has brought it there: so nobody can have left one.
 */
async function leave(theirs: readonly string[]): Promise<"left" | "refused"> {
  const { exitCode, stderr } = await privileged({
    command: ["nft", "-f", "-"],
    stdin: `${theirs.join("\n")}\n`,
  });
  const [major = 0, minor = 0] = release().split(".").map(Number);
  if (exitCode !== 0 && theirs.includes(CATCH_ALL) && (major < 5 || (major === 5 && minor < 13))) {
    assert.match(stderr, /Could not process rule/);
    return "refused";
  }
  assert.equal(exitCode, 0, stderr);
  return "left";
}

for (const [name, theirs] of Object.entries(FOREIGN)) {
  test(`ensure() reads a table that has ${name}, and takes that away`, async () => {
    const ruleset = inside();
    await nftables.ensure(ruleset);
    if ((await leave(theirs)) === "left") {
      assert.notDeepEqual(await nftables.check(), []);
      assert.notDeepEqual(await nftables.ensure(ruleset), []);
    }
    assert.deepEqual(await differences(ruleset), []);
    const left = await runOnHost("nft", "list", "ruleset");
    assert.doesNotMatch(left, /192\.0\.2|250\.0|0\.0\.0\.9|theirs|verdict|timeout|dormant|\* *}/);
  });
}

test("check() waits for a change that is under way, and does not take what is half done for damage", async () => {
  await nftables.ensure(inside());
  const plans = Array.from({ length: 20 }, (_, index) => inside(cidr(`10.244.${index + 20}.0/24`)));
  const found = await Promise.all(
    plans.flatMap((plan) => [nftables.ensure(plan).then(() => []), nftables.check()]),
  );
  assert.deepEqual(found.flat(), []);
});

test("ensure() names what the kernel lacks, and what for, by trying it: nft's words are the same for all", async () => {
  replaceNft(`input=$(cat); case "$input" in *bridge*|*masquerade*) echo "Could not process rule: No such file or directory" >&2; exit 1;; esac
echo "$input" | nft "$@"`);
  await assert.rejects(
    nftables.ensure(inside()),
    /: Linux \S+ has no CONFIG_NF_TABLES_BRIDGE, which is needed for the bridge guard, no module nft_masq \(CONFIG_NFT_MASQ\), which is needed for masquerade and host ports/,
  );
});

test("addHostPorts() names what the kernel lacks where the ruleset does without host ports, and has made nothing", async () => {
  const ruleset = planRuleset({
    bridge: "cw0",
    masquerade: { families: [4, 6], randomPorts: true },
    serviceAddresses: [],
    overlay: undefined,
    podCidrs: OWN,
    insideCidrs: [],
    lacksHostPorts: true,
  });
  replaceNft(`input=$(cat); case "$input" in *dnat*) exit 1;; esac; echo "$input" | nft "$@"`);
  await nftables.ensure(ruleset);
  await assert.rejects(
    nftables.addHostPorts(bindingOf("cwlink1", 2, 8080)),
    /^Error: Cannot serve host ports: Linux \S+ has no module nft_nat \(CONFIG_NFT_NAT\), which is needed for host ports/,
  );
  assert.deepEqual(nftables.hostPorts(), []);
  assert.deepEqual(await nftables.check({ afresh: true }), []);
  process.env["PATH"] = PATH;
  await nftables.ensure(inside());
  await nftables.addHostPorts(bindingOf("cwlink1", 2, 8080));
  await assert.rejects(nftables.ensure(ruleset), /Cannot omit host ports: pods on this node use them/);
});

test("listForeignDropPolicies() names a chain of others that drops, and asks nft again only when such a chain has changed", async () => {
  assert.deepEqual(await nftables.listForeignDropPolicies("cw0", [4, 6]), []);
  const chain = "chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }";
  await runOnHost("sh", "-c", `echo 'add table ip filter; add ${chain}' | nft -f -`);
  assert.match(
    (await nftables.listForeignDropPolicies("cw0", [4, 6])).join(),
    /^chain ip filter FORWARD drops/,
  );
  const said = recordNft();
  const policies = async (): Promise<number> =>
    (await nftables.listForeignDropPolicies("cw0", [4, 6])).length;
  const LISTED = "-j list chains\n-j list chain ip filter FORWARD\n";
  assert.equal(await policies(), 1);
  // What attachments and others add elsewhere is no news.
  await runOnHost(
    "sh",
    "-c",
    `nft 'add table inet other; add chain inet other forward { type nat hook prerouting priority 0; }'`,
  );
  assert.equal(await policies(), 1);
  assert.equal(said(), "");
  for (const direction of ["iifname", "oifname"])
    await runOnHost("nft", `add rule ip filter FORWARD ${direction} cw0 accept`);
  assert.equal(await policies(), 0);
  assert.equal(said(), LISTED);
  // As many rules as before, and the same text but for one word.
  await runOnHost(
    "sh",
    "-c",
    `nft 'flush chain ip filter FORWARD; add rule ip filter FORWARD iifname cw0 accept; add rule ip filter FORWARD oifname cw0 drop'`,
  );
  assert.equal(await policies(), 1);
  assert.equal(said(), LISTED);
  await runOnHost("nft", "delete table ip filter; delete table inet other");
  assert.equal(await policies(), 0);
  assert.equal(said(), "");
});

/** Every packet to the other side leaves with mark 2 when its address is seen to be inside, by both rules. */
function marking(elements: readonly string[], variant: string): Ruleset {
  const other = "ip daddr 10.244.2.5";
  const rules = [
    { name: "outside", text: `${other} ip daddr != @inside4 meta mark set 1` },
    { name: "inside", text: `${other} ip daddr @inside4 ${variant} meta mark set mark or 2` },
  ];
  const chain = { name: "marking", type: "filter", hook: "postrouting", priority: 0, rules } as const;
  return [
    {
      family: "inet",
      counters: [],
      sets: [{ name: "inside4", type: "ipv4_addr", values: undefined, isInterval: true, elements }],
      chains: [chain],
    },
  ];
}

test("no packet meets half of a change: not of elements that merge and part, not of rules", async () => {
  const far = await makeNetns();
  await runOnHost(
    "ip",
    "link",
    "add",
    "far0",
    "type",
    "veth",
    "peer",
    "name",
    "eth0",
    "netns",
    String(far.pid),
  );
  await runOnHost("sh", "-c", "ip addr add 10.244.2.1/24 dev far0; ip link set far0 up");
  await far.run("sh", "-c", "ip addr add 10.244.2.5/24 dev eth0; ip link set eth0 up");
  const others = (third: number): readonly string[] =>
    Array.from({ length: 244 }, (_, index) => `10.${index}.${third}.0/24`);
  const parted = [...others(7), "10.244.0.0/24", "10.244.2.0/23"];
  const merged = [...others(7), "10.244.0.0/22"];
  const replaced = [...others(9), "10.244.0.0/22"];
  await nftables.ensure(marking(parted, ""));
  const probe = `table inet probe {
  chain leaving {
    type filter hook postrouting priority 10
    ip daddr 10.244.2.5 counter comment "all"
    ip daddr 10.244.2.5 meta mark != 2 counter comment "wrong"
  }
}`;
  await privileged({ command: ["nft", "-f", "-"], stdin: probe });
  const count = async (name: string): Promise<number> => {
    const said = await runOnHost("nft", "list", "table", "inet", "probe");
    return Number(new RegExp(`packets (\\d+) bytes \\d+ comment "${name}"`).exec(said)?.[1]);
  };
  const flood = await privileged({
    command: ["sh", "-c", "echo ready; exec ping -f -q 10.244.2.5 >/dev/null"],
    background: true,
  });
  await eventually("packets flow", async () => (await count("all")) > 0);
  for (let round = 0; round < 9; round++) {
    const variant = round % 3 === 0 ? "counter" : "";
    for (const elements of [merged, replaced, parted]) await nftables.ensure(marking(elements, variant));
  }
  await endPrivileged(flood.pid, "SIGTERM");
  assert.equal(await count("wrong"), 0);
  assert.ok((await count("all")) > 1000);
  await far.remove();
});
