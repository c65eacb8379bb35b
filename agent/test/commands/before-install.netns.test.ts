/**
 * `causeway doctor --before-install` on a node that another plugin serves, and on one that none serves: what
 * it finds, and that it changes nothing.
 */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { NODE_NAME } from "../../testing/agent/agent-process.ts";
import type { CommandResult } from "../../settings/command-line.ts";
import { type FindingsReport, runCauseway } from "../../testing/agent/run-causeway.ts";
import { type ApiServer, startApiServer } from "../../testing/kube/api-server.ts";
import { writeKubeconfig } from "../../testing/kube/kubeconfig.ts";
import { makeNeighbourhood, type Neighbourhood } from "../../testing/machine/neighbourhood.ts";
import { host } from "../../testing/machine/netns.ts";
import { dumpNodeState } from "../../testing/machine/node-state.ts";

let lab: Neighbourhood;
let api: ApiServer;
let kubeconfig: string;

beforeEach(async () => {
  lab = await makeNeighbourhood();
  api = await startApiServer();
  api.store.put({ name: NODE_NAME, addresses: ["192.0.2.10"], podCIDRs: ["10.244.1.0/24"] });
  kubeconfig = join(lab.node.folder, "kubeconfig");
  writeKubeconfig({ path: kubeconfig, server: api.url, user: { token: "kubelet" } });
  mkdirSync(lab.node.cniConfDir, { recursive: true });
  mkdirSync(lab.node.cniBinDir, { recursive: true });
});

afterEach(async () => {
  await api.close();
  await lab.remove();
});

function preflight(...flags: readonly string[]): Promise<CommandResult> {
  const { socket, cniBinDir, cniConfDir } = lab.node;
  const place = ["--socket", socket, "--cni-bin-dir", cniBinDir, "--cni-conf-dir", cniConfDir];
  const node = ["--node-name", NODE_NAME, "--kubeconfig", kubeconfig];
  return runCauseway(["doctor", "--before-install", ...place, ...node, ...flags]);
}

async function findings(): Promise<ReadonlyMap<string, string>> {
  const { stdout, stderr } = await preflight("--json");
  assert.equal(stderr, "");
  const report = JSON.parse(stdout) as FindingsReport;
  return new Map(report.findings.map(({ name, verdict, evidence }) => [name, `${verdict} ${evidence}`]));
}

test("a node that no plugin serves is ready for an installation, and is as it was before", async () => {
  const before = await dumpNodeState();
  const found = await findings();
  assert.match(found.get("installation") ?? "", /^ok/);
  assert.match(found.get("CNI configurations") ?? "", /^ok .* has no other configuration$/);
  assert.equal(found.get("PodCIDRs"), `ok node ${NODE_NAME} has 10.244.1.0/24`);
  assert.match(found.get("VXLAN port") ?? "", /^ok UDP port 4789: free/);
  assert.equal(found.get("TCP ports"), "ok 9655 and 9656 are free");
  assert.equal(found.get("MTU"), "ok up0 1500: pods get 1450, and 1500 where overlay is never");
  assert.ok(found.has("API server"));
  assert.equal(await dumpNodeState(), before);
});

test("a node that another plugin serves: its bridge, its VXLAN device, its configuration and taken ports are named, and stay", async () => {
  await host(`ip link add cni0 type bridge; ip link set cni0 addrgenmode none; ip address add 10.244.1.1/24 dev cni0; ip link set cni0 up
    ip link add vxlan.calico type vxlan id 4096 dstport 4789 dev up0; ip link set vxlan.calico addrgenmode none; ip link set vxlan.calico up`);
  const conflist = join(lab.node.cniConfDir, "05-other.conflist");
  writeFileSync(conflist, JSON.stringify({ plugins: [{ type: "calico" }, { type: "portmap" }] }));
  const server = createServer().listen(9655, "127.0.0.1");
  await once(server, "listening");
  try {
    const before = await dumpNodeState();
    const found = await findings();
    assert.match(
      found.get("CNI configurations") ?? "",
      /^warn .*05-other\.conflist \(has calico, portmap\) sorts before Causeway's/,
    );
    assert.match(found.get("PodCIDRs") ?? "", /^warn link cni0 has 10\.244\.1\.1\/24, which meets PodCIDR/);
    assert.match(found.get("VXLAN port") ?? "", /^warn foreign VXLAN device vxlan\.calico uses VNI 4096/);
    assert.match(found.get("TCP ports") ?? "", /^warn a program listens on port 9655: set http\.port/);
    assert.equal(await dumpNodeState(), before);
    const { exitCode, stdout } = await preflight();
    assert.equal(exitCode, 3, stdout);
    assert.doesNotMatch(stdout, /ip link delete|kill \d|mv /, "no remedy takes the network of running pods");
  } finally {
    server.close();
  }
});

test("a Node without PodCIDRs, and one that the cluster does not know, are named", async () => {
  api.store.put({ name: NODE_NAME, addresses: ["192.0.2.10"] });
  assert.match((await findings()).get("PodCIDRs") ?? "", /^fail node .* has none/);
  const { stdout } = await preflight("--json", "--node-name", "other");
  assert.match(stdout, /the cluster has no node \\"other\\"/);
});
