/**
 * A kernel some of whose modules are not installed, as where a distribution has them in a package of its own.
 * nft says "No such file or directory" whatever it is, and nothing in a container tells what the kernel was
 * built with: readiness and doctor find out by trying.
 */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { afterEach, test } from "node:test";
import { formatObjects } from "../../../agent/testing/kube/format-objects.ts";
import { type GuestNode, launchNode, run, startNode, until } from "./guest-node.ts";

const MODPROBE = "/etc/modprobe.d/missing.conf";
const NODES_FILE = "/run/nodes.yaml";
const OBJECTS_FILE = "/run/objects.yaml";
const FLAGS = ["--nodes-file", NODES_FILE, "--node-name", "guest"];
const OWN = "- {name: guest, addresses: [192.0.2.10], podCIDRs: [10.244.1.0/24]}\n";
/** A node on another subnet. */
const FAR = "- {name: far, addresses: [203.0.113.7], podCIDRs: [10.244.3.0/24]}\n";
const HOST_PORT = {
  runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] },
};

let node: GuestNode | undefined;
run(
  "ip link add up0 type dummy; ip address add 192.0.2.10/24 dev up0; ip link set up0 up; ip route add default via 192.0.2.1",
);
run("ip netns add a");
writeFileSync(NODES_FILE, OWN);
afterEach(async () => {
  rmSync(MODPROBE, { force: true });
  await node?.stop();
  node = undefined;
});

/** A pod of this node that nobody may reach. */
const POLICIES = formatObjects([
  { kind: "Namespace", metadata: { name: "default" } },
  { kind: "Pod", metadata: { name: "alone", namespace: "default" }, spec: { nodeName: "guest" } },
  { kind: "NetworkPolicy", metadata: { name: "none", namespace: "default" }, spec: { podSelector: {} } },
]);

const ALONE = "K8S_POD_NAMESPACE=default;K8S_POD_NAME=alone";

/** Whether this kernel has it, and not built in. */
const hasModule = (name: string): boolean =>
  run(`modprobe --show-depends ${name} || true`).includes("insmod ");

/** After those that use it: modprobe(8) removes none of them. */
function unload(name: string): void {
  const lines = readFileSync("/proc/modules", "utf8").split("\n");
  const users = lines.find((line) => line.startsWith(`${name} `))?.split(" ")[3] ?? "-";
  for (const user of users.split(",")) if (/^\w+$/.test(user)) unload(user);
  run(`modprobe -r ${name} 2>/dev/null || true`);
}

/** On a node without an agent, as if they had never been installed. */
async function hide(...modules: readonly string[]): Promise<void> {
  run("nft flush ruleset; for link in cw0 cw-vx; do ip link delete $link 2>/dev/null || true; done");
  await uninstall(...modules);
}

/** The kernel asks modprobe(8) for them in vain. */
async function uninstall(...modules: readonly string[]): Promise<void> {
  // What rules used, the kernel lets go of a moment after the rules have gone.
  await until(`nothing uses ${modules.join(", ")}`, () => {
    for (const name of modules) unload(name);
    const loaded = readFileSync("/proc/modules", "utf8").split("\n");
    return !loaded.some((line) => modules.includes(line.split(" ")[0] ?? ""));
  });
  run("mkdir -p /etc/modprobe.d");
  writeFileSync(MODPROBE, modules.map((name) => `install ${name} /bin/false\n`).join(""));
}

/** With entries of the nodes file for other nodes. */
async function withOthers(entries: string, work: () => Promise<void>): Promise<void> {
  writeFileSync(NODES_FILE, OWN + entries);
  // A link without neighbours, as a dummy is, leads to no node directly.
  run("ip link set up0 arp on");
  try {
    await work();
  } finally {
    writeFileSync(NODES_FILE, OWN);
    run("ip link set up0 arp off");
  }
}

/** A new agent is not ready, as readiness and doctor say in these words, until what was hidden is there. */
async function assertUnready(named: RegExp): Promise<void> {
  const started = launchNode(FLAGS);
  node = started;
  await until("readiness names it", async () => named.test(await started.readiness()));
  assert.doesNotMatch(await started.readiness(), /^ok\n/);
  assert.match(started.doctor(), new RegExp(`FAIL +kernel .*${named.source}`));
  rmSync(MODPROBE);
  await until("the agent is ready", async () => (await started.readiness()) === "ok\n");
}

/** Those that this kernel has as modules: nft_counter and nft_objref were of their own once. */
const NEEDED = [
  ["bridge", "the bridge of pods"],
  ["veth", "the links of pods"],
  ["nf_tables", "all rules"],
  ["nft_chain_nat", "masquerade and host ports"],
  ["nft_masq", "masquerade and host ports"],
  ["nft_ct", "the guard of the overlay"],
  ["nft_counter", "counting what is dropped"],
  ["nft_objref", "counting what is dropped"],
  ["nft_meta_bridge", "the bridge guard"],
  ["nf_nat", "masquerade and host ports", "nft_chain_nat"],
  ["nf_conntrack", "the guard of the overlay", "nft_ct"],
].filter(([module = ""]) => hasModule(module));

for (const [module = "", use = "", user = module] of NEEDED) {
  test(`without ${module} the node is not ready, readiness and doctor name it, and it heals by itself once it is there`, async () => {
    await hide(module);
    const named = new RegExp(
      user === module
        ? `no module ${module} \\(CONFIG_\\w+\\)(?: or [\\w ]+ that it depends on)?, which is needed for ${use}`
        : `no module ${user} \\(CONFIG_\\w+\\)[\\w ]* or ${module} [\\w ]*that it depends on, which is needed for ${use}`,
    );
    await assertUnready(named);
  });
}

test("without nft_fib_inet a node that needs the overlay is not ready: its guard asks it", () =>
  withOthers(FAR, async () => {
    await hide("nft_fib_inet");
    const named =
      /no module nft_fib_inet \(CONFIG_NFT_FIB_INET\)[\w ]*, which is needed for [\w ]*the overlay/;
    await assertUnready(named);
  }));

test("a node whose bridge is there is not ready without veth either", async () => {
  await (await startNode(FLAGS)).stop();
  await uninstall("veth");
  const started = launchNode(FLAGS);
  node = started;
  const named = /Cannot use bridge "cw0": Linux \S+ has no module veth \(CONFIG_VETH\)/;
  await until("readiness names it", async () => named.test(await started.readiness()));
  assert.doesNotMatch(await started.readiness(), /^ok\n/);
  rmSync(MODPROBE);
  await until("the agent is ready", async () => (await started.readiness()) === "ok\n");
});

test("an ADD for which veth is missing names it, and succeeds once it is there", async () => {
  const started = await startNode(FLAGS);
  node = started;
  await uninstall("veth");
  const refused = started.call("ADD", { netns: "a" });
  assert.match(refused.stdout, /Cannot create the pod's link: Linux \S+ has no module veth \(CONFIG_VETH\)/);
  rmSync(MODPROBE);
  const { exitCode, stdout } = started.call("ADD", { netns: "a" });
  assert.equal(exitCode, 0, stdout);
  assert.equal(started.call("DEL", { netns: "a" }).exitCode, 0);
});

if (hasModule("nfnetlink"))
  test("without nfnetlink an agent cannot start: it names that, as doctor does, and ends", async () => {
    await hide("nfnetlink");
    const started = launchNode(FLAGS);
    node = started;
    await until("it has ended", async () =>
      started.readiness().then(
        () => false,
        () => true,
      ),
    );
    const named =
      /no module nf_tables \(CONFIG_NF_TABLES\) or nfnetlink that it depends on, which is needed for all rules/;
    assert.ok(started.warnings().some((line) => named.test(line) && line.includes('"Cannot start"')));
    assert.match(started.doctor(), new RegExp(`FAIL +kernel .*${named.source}`));
  });

for (const module of ["nft_limit", "nft_log", "nfnetlink_log"]) {
  test(`without ${module} a node with policies says that it cannot apply them, and why; doctor warns`, async () => {
    await hide(module);
    writeFileSync(OBJECTS_FILE, POLICIES);
    const started = launchNode([...FLAGS, "--objects-file", OBJECTS_FILE]);
    node = started;
    const said = new RegExp(`Cannot apply policies: .*no module ${module} \\(CONFIG_\\w+\\)`);
    await until("the agent answers", async () => (await started.readiness()) !== "");
    // Its policies are not in force: it is refused, or waits for them isolated.
    started.call("ADD", { netns: "a", args: ALONE });
    await until("readiness names it", async () => said.test(await started.readiness()));
    assert.match(started.doctor(), new RegExp(`WARN +kernel .*no module ${module}`));
    rmSync(MODPROBE);
    await until("the agent is ready", async () => (await started.readiness()) === "ok\n");
    assert.equal(started.call("DEL", { netns: "a" }).exitCode, 0);
  });
}

test("without wireguard a node that is to encrypt names it, in readiness and by doctor", async () => {
  await hide("wireguard");
  const started = launchNode([...FLAGS, "--encryption-type", "wireguard"]);
  node = started;
  const named = /no module wireguard \(CONFIG_WIREGUARD\), which is needed for encryption/;
  await until("readiness names it", async () => named.test(await started.readiness()));
  assert.match(started.doctor(), named);
  rmSync(MODPROBE);
  await until("the agent is ready", async () => !named.test(await started.readiness()));
});

for (const { module, who, flags } of [
  { module: "nft_chain_nat", who: "does not masquerade", flags: ["--masquerade", "false"] },
  { module: "nft_nat", who: "masquerades", flags: [] },
  { module: "nft_fib_inet", who: "needs no overlay", flags: [] },
]) {
  test(`without ${module} a node that ${who} is ready, doctor warns, and only host ports are refused`, async () => {
    await hide(module);
    const started = launchNode([...FLAGS, ...flags]);
    node = started;
    const warned = new RegExp(`^ok\\nwarning: host ports: unavailable: .*no module ${module} `);
    await until("readiness warns", async () => warned.test(await started.readiness()));
    const doctor = started.doctor();
    assert.match(doctor, new RegExp(`WARN +kernel .*no module ${module} `));
    assert.doesNotMatch(doctor, /FAIL +kernel /);
    const refused = started.call("ADD", { netns: "a", config: HOST_PORT });
    assert.match(refused.stdout, new RegExp(`Cannot serve host ports: .*no module ${module} `));
    // Without a DEL between: what was refused has left nothing.
    const { exitCode, stdout } = started.call("ADD", { netns: "a" });
    assert.equal(exitCode, 0, stdout);
    assert.equal(started.call("DEL", { netns: "a" }).exitCode, 0);
  });
}

/** The oldest that may have a fast path; the suite "fast path" shows what older ones say. */
if (hasModule("nf_flow_table_inet") && Number.parseInt(release(), 10) >= 6)
  test("without nf_flow_table_inet a node that asks for the fast path is ready, and says why it has none until it is there", async () => {
    await hide("nft_flow_offload", "nf_flow_table_inet");
    const started = launchNode([...FLAGS, "--fast-path", "auto"]);
    node = started;
    const warned =
      /^ok\nwarning: fast path: there is none: .*no module nf_flow_table_inet \(CONFIG_NF_FLOW_TABLE_INET\)/;
    await until("readiness warns", async () => warned.test(await started.readiness()));
    rmSync(MODPROBE);
    await until("the warning has gone", async () => (await started.readiness()) === "ok\n");
    await until("there is one", () => run("nft list flowtables").includes("flowtable"));
  });

test("without nf_conntrack_netlink pods have network and host ports; doctor and the log name it", async () => {
  await hide("nf_conntrack_netlink");
  const started = await startNode(FLAGS);
  node = started;
  const named =
    /no module nf_conntrack_netlink \(CONFIG_NF_CT_NETLINK\), which is needed for ending connections/;
  assert.match(started.doctor(), new RegExp(`WARN +kernel .*${named.source}`));
  const { exitCode, stdout } = started.call("ADD", { netns: "a", config: HOST_PORT });
  assert.equal(exitCode, 0, stdout);
  await until("the log names it", () => started.warnings().some((line) => named.test(line)));
  assert.equal(started.call("DEL", { netns: "a" }).exitCode, 0);
  rmSync(MODPROBE);
  assert.doesNotMatch(started.doctor(), /nf_conntrack_netlink/);
});

test("without what is not used the agent is ready, doctor names it, and a pod that asks for it is refused by name", async () => {
  const seen = ["vxlan", "sch_tbf", "sch_ingress", "act_mirred", "tcp_diag", "udp_diag", "xfrm_user"];
  await hide(...seen, "ifb");
  const started = await startNode(FLAGS);
  node = started;
  const doctor = started.doctor();
  for (const module of seen)
    assert.match(
      doctor,
      new RegExp(`WARN +kernel .*no module ${module} \\(CONFIG_\\w+\\), .*: it was tried`),
    );
  assert.doesNotMatch(doctor, /FAIL +kernel /);
  const limit = (bandwidth: object) => ({ runtimeConfig: { bandwidth } });
  const ingress = limit({ ingressRate: 1_000_000, ingressBurst: 1_000_000 });
  const refused = started.call("ADD", { netns: "a", config: ingress });
  assert.notEqual(refused.exitCode, 0);
  assert.match(refused.stdout, /no module sch_tbf \(CONFIG_NET_SCH_TBF\)/);
  // Only a pod that needs it may bring ifb0 and ifb1, which come with the module.
  const egress = limit({ egressRate: 1_000_000, egressBurst: 1_000_000 });
  const without = started.call("ADD", { netns: "a", config: egress });
  assert.match(without.stdout, /no module ifb \(CONFIG_IFB\)/);
  assert.equal(started.call("ADD", { netns: "a" }).exitCode, 0);
  assert.equal(started.call("DEL", { netns: "a" }).exitCode, 0);
  rmSync(MODPROBE);
  assert.doesNotMatch(started.doctor(), /(?:WARN|FAIL) +kernel /);
  assert.doesNotMatch(run("ip link"), /ifb/);
});

test("without vxlan a node on another subnet is not reached, the others are, and readiness names it until it is there", () =>
  withOthers(`- {name: near, addresses: [192.0.2.11], podCIDRs: [10.244.2.0/24]}\n${FAR}`, async () => {
    await hide("vxlan");
    const started = launchNode(FLAGS);
    node = started;
    const named = /no module vxlan \(CONFIG_VXLAN\), which is needed for nodes on other subnets/;
    const warned = new RegExp(`^ok\\nwarning: overlay: .*${named.source}`);
    await until("readiness warns", async () => warned.test(await started.readiness()));
    assert.match(started.doctor(), new RegExp(`WARN +kernel .*${named.source}`));
    assert.ok(started.warnings().some((line) => named.test(line)));
    assert.match(run("ip route"), /10\.244\.2\.0\/24 via 192\.0\.2\.11 /);
    assert.equal(started.call("ADD", { netns: "a" }).exitCode, 0);
    assert.equal(started.call("DEL", { netns: "a" }).exitCode, 0);
    rmSync(MODPROBE);
    await until("the warning has gone", async () => (await started.readiness()) === "ok\n");
    assert.match(run("ip route"), /10\.244\.3\.0\/24 .*dev cw-vx/);
  }));
