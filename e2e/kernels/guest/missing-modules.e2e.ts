/**
 * A kernel some of whose modules are not installed, as where a distribution has them in a package of its own.
 * nft says "No such file or directory" whatever it is, and nothing in a container tells what the kernel was
 * built with: readiness and doctor find out by trying.
 */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, test } from "node:test";
import { type GuestNode, launchNode, run, startNode, until } from "./guest-node.ts";

const MODPROBE = "/etc/modprobe.d/missing.conf";
const NODES_FILE = "/run/nodes.yaml";
const FLAGS = ["--nodes-file", NODES_FILE, "--node-name", "guest"];
const OWN = "- {name: guest, addresses: [192.0.2.10], podCIDRs: [10.244.1.0/24]}\n";
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

/** As if they were not installed: the kernel asks modprobe(8) for them. */
async function hide(...modules: readonly string[]): Promise<void> {
  run("mkdir -p /etc/modprobe.d; nft flush ruleset");
  // What rules used, the kernel lets go of a moment after the rules have gone.
  await until(`nothing uses ${modules.join(", ")}`, () => {
    for (const name of modules) run(`modprobe -r ${name} 2>/dev/null || true`);
    const loaded = readFileSync("/proc/modules", "utf8").split("\n");
    return !loaded.some((line) => modules.includes(line.split(" ")[0] ?? ""));
  });
  writeFileSync(MODPROBE, modules.map((name) => `install ${name} /bin/false\n`).join(""));
}

for (const [module, use] of [
  ["nft_chain_nat", "masquerade and host ports"],
  ["nft_masq", "masquerade and host ports"],
] as const) {
  test(`without ${module} readiness and doctor name it, and the node heals by itself once it is there`, async () => {
    await hide(module);
    const started = launchNode(FLAGS);
    node = started;
    const named = new RegExp(`no module ${module} \\(CONFIG_\\w+\\), which is needed for ${use}`);
    await until("readiness names it", async () => named.test(await started.readiness()));
    assert.match(started.doctor(), new RegExp(`FAIL +kernel .*${named.source}`));
    rmSync(MODPROBE);
    await until("the agent is ready", async () => (await started.readiness()) === "ok\n");
  });
}

test("without nft_chain_nat a node that does not masquerade is ready, doctor warns, and only host ports are refused", async () => {
  await hide("nft_chain_nat");
  const started = launchNode([...FLAGS, "--masquerade", "false"]);
  node = started;
  const warned = /^ok\nwarning: host ports: unavailable: .*nft_chain_nat/;
  await until("readiness warns", async () => warned.test(await started.readiness()));
  const doctor = started.doctor();
  assert.match(doctor, /WARN +kernel .*nft_chain_nat/);
  assert.doesNotMatch(doctor, /FAIL +kernel /);
  const refused = started.call("ADD", { netns: "a", config: HOST_PORT });
  assert.match(refused.stdout, /Cannot serve host ports: .*nft_chain_nat/);
  // Without a DEL between: what was refused has left nothing.
  const { exitCode, stdout } = started.call("ADD", { netns: "a" });
  assert.equal(exitCode, 0, stdout);
  assert.equal(started.call("DEL", { netns: "a" }).exitCode, 0);
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

test("without vxlan a node on another subnet is not reached, the others are, and readiness names it until it is there", async () => {
  const others = [
    "- {name: near, addresses: [192.0.2.11], podCIDRs: [10.244.2.0/24]}\n",
    "- {name: far, addresses: [203.0.113.7], podCIDRs: [10.244.3.0/24]}\n",
  ];
  writeFileSync(NODES_FILE, [OWN, ...others].join(""));
  // A link without neighbours, as a dummy is, leads to no node directly.
  run("ip link set up0 arp on");
  try {
    await hide("vxlan");
    const started = launchNode(FLAGS);
    node = started;
    const named = /no module vxlan \(CONFIG_VXLAN\), which is needed for nodes on other subnets/;
    const warned = new RegExp(`^ok\nwarning: overlay: .*${named.source}`);
    await until("readiness warns", async () => warned.test(await started.readiness()));
    assert.match(started.doctor(), new RegExp(`WARN +kernel .*${named.source}`));
    assert.ok(started.warnings().some((line) => named.test(line)));
    assert.match(run("ip route"), /10\.244\.2\.0\/24 via 192\.0\.2\.11 /);
    assert.equal(started.call("ADD", { netns: "a" }).exitCode, 0);
    assert.equal(started.call("DEL", { netns: "a" }).exitCode, 0);
    rmSync(MODPROBE);
    await until("the warning has gone", async () => (await started.readiness()) === "ok\n");
    assert.match(run("ip route"), /10\.244\.3\.0\/24 .*dev cw-vx/);
  } finally {
    writeFileSync(NODES_FILE, OWN);
    run("ip link set up0 arp off; ip link delete cw-vx 2>/dev/null || true");
  }
});
