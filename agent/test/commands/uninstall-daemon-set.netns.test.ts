/** SIGTERM of the shipped agent: an uninstallation takes the host files away, and a restart never does. */
import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { type AgentProcess, makeNode, NODE_NAME, type TestNode } from "../../testing/agent/agent-process.ts";
import { type ApiServer, startApiServer } from "../../testing/kube/api-server.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { writeKubeconfig } from "../../testing/kube/kubeconfig.ts";
import { makeNetns, type Netns, runOnHost } from "../../testing/machine/netns.ts";

let node: TestNode;
let api: ApiServer;
let pod: Netns;

const DAEMON_SET = "causeway";

beforeEach(async () => {
  node = makeNode();
  api = await startApiServer();
  api.store.put({ name: NODE_NAME, addresses: ["192.0.2.10"], podCIDRs: ["10.244.1.0/24"] });
  api.daemonSets.put(DAEMON_SET);
  pod = await makeNetns();
});

afterEach(async () => {
  await pod.remove();
  await eventually(
    "the pod's link is gone",
    async () => !/^cw[a-z2-7]{13}/m.test(await runOnHost("ip", "-brief", "link")),
  );
  await node.remove();
  await api.close();
});

/** An agent that is ready, and that has its DaemonSet in sight unless told otherwise. */
async function startAgent({ isWatching = true } = {}): Promise<AgentProcess> {
  const kubeconfig = join(node.folder, "kubeconfig");
  writeKubeconfig({ path: kubeconfig, server: api.url, user: { token: "secret" } });
  const agent = node.start("--kubeconfig", kubeconfig, "--daemon-set", `kube-system/${DAEMON_SET}`);
  await agent.waitUntilReady();
  if (isWatching)
    await eventually("it watches its DaemonSet", () => api.daemonSets.watchers() === 1, agent.log);
  return agent;
}

const seenToGo = (agent: AgentProcess): Promise<void> =>
  eventually("it has seen its DaemonSet go", () => agent.log().includes("DaemonSet was deleted"), agent.log);

/** Host files with what changes when somebody writes them. */
function hostFiles(): string[] {
  return [node.cniBinDir, node.cniConfDir].flatMap((folder) =>
    readdirSync(folder).map((name) => {
      const { ino, mtimeMs } = statSync(join(folder, name));
      return `${name} ${ino} ${mtimeMs}`;
    }),
  );
}

test("a rolling restart removes nothing: five restarts in a row leave every host file untouched, and pods their network", async () => {
  const first = await startAgent();
  await node.add("c1", pod);
  const files = hostFiles();
  assert.equal(files.length, 3);
  assert.equal(await first.end("SIGTERM"), 0);
  for (let restart = 0; restart < 5; restart++) {
    assert.deepEqual(hostFiles(), files);
    await pod.run("ping", "-c1", "-W1", "10.244.1.1");
    const agent = await startAgent();
    api.daemonSets.put(DAEMON_SET); // its status, or its template
    assert.equal(await agent.end("SIGTERM"), 0);
    assert.doesNotMatch(agent.log(), /Uninstalling/);
  }
  assert.deepEqual(hostFiles(), files);
});

for (const { name, refuse } of [
  { name: "while the API still answers", refuse: (): void => undefined },
  {
    name: "and its account and role with it, as helm uninstall does",
    refuse: (): void => api.requireToken("other"),
  },
]) {
  test(`SIGTERM after the DaemonSet was deleted ${name}: conflist and socket make way, pods keep their network and what deletes it`, async () => {
    const agent = await startAgent();
    await node.add("c1", pod);
    api.daemonSets.remove(DAEMON_SET);
    refuse();
    await seenToGo(agent);
    assert.equal(hostFiles().length, 3, "nothing goes before it is told to stop");
    assert.equal(await agent.end("SIGTERM"), 0);
    assert.deepEqual(readdirSync(node.cniConfDir), ["zz-causeway.conflist"]);
    assert.deepEqual(readdirSync(node.cniBinDir).toSorted(), ["causeway", "loopback"]);
    assert.match(agent.log(), /Uninstalling: Kept .* 1 pod interfaces need it/);
    await pod.run("ping", "-c1", "-W1", "10.244.1.1");
    await node.del("c1", pod.path);
  });
}

test("SIGTERM after the DaemonSet was deleted on a node without pods: all host files go", async () => {
  const agent = await startAgent();
  api.daemonSets.remove(DAEMON_SET);
  await seenToGo(agent);
  await agent.end("SIGTERM");
  assert.deepEqual(hostFiles(), []);
});

for (const { name, prepare } of [
  { name: "a role is missing from the start", prepare: "forbidden" },
  { name: "the API server goes away", prepare: "away" },
  { name: "account and role go, but not the DaemonSet", prepare: "refused" },
  { name: "the DaemonSet is made again", prepare: "again" },
] as const) {
  test(`SIGTERM when ${name}: nothing is removed`, async () => {
    if (prepare === "forbidden")
      api.daemonSets.setFault({ kind: "status", code: 403, reason: "Forbidden", message: "no" });
    const agent = await startAgent({ isWatching: prepare !== "forbidden" });
    const files = hostFiles();
    if (prepare === "away") await api.close();
    if (prepare === "refused") {
      api.requireToken("other");
      api.daemonSets.endWatches();
      await eventually("it is refused", () => agent.log().includes("Cannot watch DaemonSet"), agent.log);
    }
    if (prepare === "again") {
      api.daemonSets.remove(DAEMON_SET);
      await seenToGo(agent);
      api.daemonSets.put(DAEMON_SET);
    }
    assert.equal(await agent.end("SIGTERM"), 0);
    assert.deepEqual(hostFiles(), files);
    assert.doesNotMatch(agent.log(), /Uninstalling/);
  });
}
