/**
 * A kernel some of whose modules are not installed, as where a distribution has them in a package of its own.
 * nft says "No such file or directory" whatever it is, and nothing in a container tells what the kernel was
 * built with: readiness and doctor find out by trying.
 */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { afterEach, test } from "node:test";
import { type GuestNode, launchNode, run, startNode, until } from "./guest-node.ts";

const MODPROBE = "/etc/modprobe.d/missing.conf";
const NODES_FILE = "/run/nodes.yaml";
const FLAGS = ["--nodes-file", NODES_FILE, "--node-name", "guest"];

let node: GuestNode | undefined;
run(
  "ip link add up0 type dummy; ip address add 192.0.2.10/24 dev up0; ip link set up0 up; ip route add default via 192.0.2.1",
);
run("ip netns add a");
writeFileSync(NODES_FILE, "- {name: guest, addresses: [192.0.2.10], podCIDRs: [10.244.1.0/24]}\n");
afterEach(async () => {
  rmSync(MODPROBE, { force: true });
  await node?.stop();
  node = undefined;
});

/** As if they were not installed: the kernel asks modprobe(8) for them. */
function hide(...modules: readonly string[]): void {
  run(
    `mkdir -p /etc/modprobe.d; nft flush ruleset; for module in ${modules.join(" ")}; do modprobe -r $module 2>/dev/null || true; done`,
  );
  writeFileSync(MODPROBE, modules.map((name) => `install ${name} /bin/false\n`).join(""));
}

for (const [module, use] of [
  ["nft_chain_nat", "masquerade and host ports"],
  ["nft_masq", "masquerade and host ports"],
] as const) {
  test(`without ${module} readiness and doctor name it, and the node heals by itself once it is there`, async () => {
    hide(module);
    const started = launchNode(FLAGS);
    node = started;
    const named = new RegExp(`no module ${module} \\(CONFIG_\\w+\\), which is needed for ${use}`);
    await until("readiness names it", async () => named.test(await started.readiness()));
    assert.match(run("node dist/causeway.mjs doctor || true"), new RegExp(`FAIL +kernel .*${named.source}`));
    rmSync(MODPROBE);
    await until("the agent is ready", async () => (await started.readiness()) === "ok\n");
  });
}

test("without what is not used the agent is ready, and refuses a pod that asks for it by name", async () => {
  hide("vxlan", "sch_tbf", "ifb");
  const started = await startNode(FLAGS);
  node = started;
  const limited = { runtimeConfig: { bandwidth: { ingressRate: 1_000_000, ingressBurst: 1_000_000 } } };
  const refused = started.call("ADD", { netns: "a", config: limited });
  assert.notEqual(refused.exitCode, 0);
  assert.match(refused.stdout, /sch_tbf/);
  assert.equal(started.call("ADD", { netns: "a" }).exitCode, 0);
  assert.equal(started.call("DEL", { netns: "a" }).exitCode, 0);
});
