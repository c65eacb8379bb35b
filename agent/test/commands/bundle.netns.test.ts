/** `causeway bundle` beside an agent of a cluster, with a token that must not leave the node. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type AgentProcess, makeNode, NODE_NAME, type TestNode } from "../../testing/agent/agent-process.ts";
import { runShipped } from "../../testing/agent/run-causeway.ts";
import { type ApiServer, startApiServer } from "../../testing/kube/api-server.ts";
import { writeKubeconfig } from "../../testing/kube/kubeconfig.ts";
import { makeNetns, type Netns } from "../../testing/machine/netns.ts";

const TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJl";

let node: TestNode;
let api: ApiServer;
let agent: AgentProcess;
let pod: Netns;
const folder = mkdtempSync(join(tmpdir(), "bundle-"));

before(async () => {
  node = makeNode();
  api = await startApiServer();
  api.store.put({ name: NODE_NAME, addresses: ["192.0.2.10"], podCIDRs: ["10.244.1.0/24"] });
  writeKubeconfig({ path: join(folder, "kubeconfig"), server: api.url, user: { token: TOKEN } });
  agent = node.start("--kubeconfig", join(folder, "kubeconfig"));
  await agent.waitUntilReady();
  pod = await makeNetns();
  await node.call("ADD", {
    containerId: "web",
    netns: pod.path,
    args: "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0",
  });
});

after(async () => {
  await pod.remove();
  await node.remove();
  await api.close();
  rmSync(folder, { recursive: true });
});

/** Runs bundle, unpacks it with the machine's tar, and gives all files by name. */
async function unpack(): Promise<ReadonlyMap<string, string>> {
  const { socket, cniBinDir, cniConfDir } = node;
  const flags = {
    socket,
    "cni-bin-dir": cniBinDir,
    "cni-conf-dir": cniConfDir,
    kubeconfig: join(folder, "kubeconfig"),
    "node-name": NODE_NAME,
    probes: "127.0.0.1:1",
  };
  const { exitCode, stdout, stderr } = await runShipped([
    "bundle",
    ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
  ]);
  assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
  assert.ok(!stdout.includes(TOKEN), "the token is in the archive");
  const target = mkdtempSync(join(folder, "unpacked-"));
  writeFileSync(join(target, "bundle.tar"), stdout);
  execFileSync("tar", ["-xf", "bundle.tar"], { cwd: target });
  const root = join(target, "causeway-bundle");
  return new Map(
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(root.length + 1), readFileSync(path, "utf8")]),
  );
}

test("bundle has what a maintainer asks for, and no token", async () => {
  const files = await unpack();
  const text = (name: string): string => files.get(name) ?? "";
  assert.match(text("status.txt"), /^Node node-1: ready/);
  assert.equal(JSON.parse(text("report.json")).readiness.isReady, true);
  assert.match(text("doctor.txt"), /agent/);
  assert.ok(Array.isArray(JSON.parse(text("doctor.json")).findings));
  assert.equal(JSON.parse(text("versions.json")).node, process.versions.node);
  assert.match(text("state/nftables.txt"), /^table inet causeway \{/m);
  assert.match(text("state/sysctls.txt"), /^net\/ipv4\/conf\/cw0\/forwarding = 1$/m);
  assert.match(text("state/sysctls.txt"), /^net\/ipv4\/conf\/cw0\/rp_filter = \d$/m);
  const { links, ownRoutes } = JSON.parse(text("state/datapath.json"));
  assert.ok(links.some((link: { name: string }) => link.name === "cw0"));
  assert.equal(ownRoutes.length > 0, true);
  assert.match(text("errors.txt"), /^metrics\.txt: /m);
});

test("bundle is whole without the agent: what the kernel knows is in it", async () => {
  await agent.end("SIGKILL");
  const files = await unpack();
  assert.match(files.get("status.txt") ?? "", /the agent does not answer/);
  assert.match(files.get("status.txt") ?? "", /shop\/web-0/);
  assert.match(files.get("state/nftables.txt") ?? "", /^table inet causeway \{/m);
});
