/**
 * A node whose kernel has no IPv6 (ipv6.disable=1, or built without): the whole life of pods, over IPv4. What
 * hurt: each DEL and GC failed for ever over a neighbour of a family that the kernel does not have, and the
 * address never became free (cilium/cilium#20672, #31944).
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { run, startNode, until } from "./guest-node.ts";

const NODES_FILE = "/run/nodes.yaml";

const links = (): readonly string[] => run("ip -brief link").match(/^cw[a-z2-7]{13}(?=[@ ])/gm) ?? [];

test("the kernel has no IPv6", () => assert.ok(!existsSync("/proc/sys/net/ipv6")));
run("ip netns add a; ip netns add b; ip netns add c; ip netns add outside");
run(
  "ip link add up0 type veth peer name up1 netns outside; ip address add 192.0.2.10/24 dev up0; ip link set up0 up",
);
run(
  "ip -n outside address add 192.0.2.1/24 dev up1; ip -n outside link set up1 up; ip route add default via 192.0.2.1",
);
writeFileSync(NODES_FILE, "- {name: guest, addresses: [192.0.2.10], podCIDRs: [10.244.1.0/24]}\n");
const node = await startNode(["--nodes-file", NODES_FILE, "--node-name", "guest"]);

test("ADD gives pods addresses, and they reach each other", () => {
  for (const netns of ["a", "b", "c"]) {
    const { exitCode, stdout } = node.call("ADD", { containerId: netns, netns, config: limits(netns) });
    assert.equal(exitCode, 0, stdout);
  }
  run("ip netns exec a ping -c 1 -W 20 10.244.1.3");
  run("ip netns exec a ping -c 1 -W 20 192.0.2.1");
});
test("the server of helm test answers in a pod", async () => {
  const server = spawn("ip", [
    "netns",
    "exec",
    "b",
    process.execPath,
    "charts/causeway/files/connectivity.mts",
    "serve",
  ]);
  const ask = "ip netns exec a nc -w 20 10.244.1.3 8080 </dev/null";
  await until("it answers", () => run(`${ask} || true`) === "10.244.1.2\n");
  server.kill();
});
test("DEL removes the link and frees the address, and may be repeated", () => {
  assert.equal(links().length, 3);
  for (const turn of [1, 2]) {
    const { exitCode, stdout } = node.call("DEL", { containerId: "a", netns: "a" });
    assert.equal(exitCode, 0, `${turn}: ${stdout}`);
  }
  assert.equal(links().length, 2);
});
test("a pod whose namespace died is taken off the books", async () => {
  run("ip netns del b");
  await until("one pod is left", async () => /^causeway_attachments 1$/m.test(await node.get("/metrics")));
});
test("GC removes what is not valid", () => {
  const { exitCode, stdout } = node.call("GC", { config: { "cni.dev/valid-attachments": [] } });
  assert.equal(exitCode, 0, stdout);
  assert.deepEqual(links(), []);
});
test("what somebody removes is put back", async () => {
  assert.equal(node.call("ADD", { containerId: "d", netns: "a" }).exitCode, 0);
  run("nft delete table inet causeway");
  await until("the table is back", () => run("nft list tables").includes("table inet causeway"));
  assert.equal(node.call("DEL", { containerId: "d", netns: "a" }).exitCode, 0);
});
test("nothing was warned of", () => {
  const expected = /Attachments changed without a CNI call|Repaired drift|Repaired/;
  assert.deepEqual(
    node.warnings().filter((line) => !expected.test(line)),
    [],
  );
});
test("the agent stops when it is told to", async () => assert.equal(await node.stop(), 0));

/** The last pod has a host port and limits, whose links have settings of both families too. */
function limits(netns: string): object {
  if (netns !== "c") return {};
  const bandwidth = {
    ingressRate: 10_000_000,
    ingressBurst: 1_000_000,
    egressRate: 10_000_000,
    egressBurst: 1_000_000,
  };
  return {
    runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }], bandwidth },
  };
}
