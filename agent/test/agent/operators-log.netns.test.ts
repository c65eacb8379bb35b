/**
 * What operators read in the log and in `causeway status`: a problem is told once as a problem, and its end
 * as its end.
 */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import type { NodeReport } from "../../report/node-report.ts";
import { type AgentProcess, makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns, type Netns, runOnHost, host } from "../../testing/machine/netns.ts";
import { runShipped } from "../../testing/agent/run-causeway.ts";

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly part?: string;
  readonly kind?: string;
  readonly fault?: string;
}

let node: TestNode;
const pods: Netns[] = [];

beforeEach(async () => {
  node = makeNode();
  await host(
    "ip link add up0 type veth peer name far0; ip link set far0 up; ip address add 192.0.2.10/24 dev up0; ip link set up0 up",
  );
});

afterEach(async () => {
  for (const pod of pods.splice(0)) await pod.remove();
  await node.remove();
  await runOnHost("ip", "link", "del", "up0");
});

const start = (): AgentProcess => node.start("--standalone", "--nodes-file", node.nodesFile);

function linesOf(agent: AgentProcess): readonly Line[] {
  return agent
    .log()
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
}

test("at a start without PodCIDRs the node network is not called ready and not ready by turns", async () => {
  node.writeNodes();
  const agent = start();
  await eventually("it has looked", async () =>
    (await agent.get("/readyz"))?.text.includes("wait for PodCIDRs"),
  );
  // Each change of the file is a run.
  for (const count of [1, 2, 3]) {
    node.writeNodes(...(count === 3 ? ["10.244.1.0/24"] : []));
    writeFileSync(node.nodesFile, " ".repeat(count), { flag: "a" });
  }
  await agent.waitUntilReady();
  const told = linesOf(agent)
    .filter(({ part }) => part === "node network")
    .map(({ msg }) => msg);
  assert.deepEqual(told, ["Not ready", "Ready"]);
});

test("a configuration that sorts before ours is told as a warning, and its end as its end", async () => {
  node.writeNodes("10.244.1.0/24");
  const agent = start();
  await agent.waitUntilReady();
  const rival = join(node.cniConfDir, "05-other.conflist");
  writeFileSync(rival, "{}");
  const about = () => linesOf(agent).filter(({ msg }) => msg.includes("CNI configuration"));
  await eventually("it is told", () => about().length === 1, agent.log);
  rmSync(rival);
  await eventually("its end is told", () => about().length === 2, agent.log);
  assert.deepEqual(
    about().map(({ level, msg }) => `${level} ${msg}`),
    [
      `warn Runtimes load another CNI configuration, which sorts before ours: ${rival}`,
      "info Runtimes load our CNI configuration again",
    ],
  );
});

test("every warning of the log is in the status a moment later, and errors name pods as people do", async () => {
  node.writeNodes("10.244.1.0/24");
  const agent = start();
  await agent.waitUntilReady();
  const add = async (containerId: string, podName: string) => {
    const netns = await makeNetns();
    pods.push(netns);
    const [namespace, name] = podName.split("/");
    return node.call("ADD", {
      containerId,
      netns: netns.path,
      args: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name}`,
      runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] },
    });
  };
  assert.equal((await add("a".repeat(64), "shop/web-0")).exitCode, 0);
  const refused = JSON.parse((await add("b".repeat(64), "shop/web-1")).stdout) as { msg: string };
  assert.match(refused.msg, /it is in use by pod "shop\/web-0"$/);
  await host("ip neighbour del 10.244.1.2 dev cw0; ip link set cw0 mtu 1300");
  const warnings = () => linesOf(agent).filter(({ level }) => ["warn", "error"].includes(level));
  await eventually(
    "the repairs are told",
    () => warnings().filter(({ fault }) => fault).length >= 2,
    agent.log,
  );
  const { stdout } = await runShipped(["status", "--json", "--socket", node.socket]);
  const { calls, repairs, problems } = JSON.parse(stdout) as NodeReport;
  const shown = [
    ...calls.flatMap(({ error }) => error ?? []),
    ...repairs.map(({ fault }) => fault),
    ...problems.map(({ message }) => message),
  ].join("\n");
  const missing = warnings().filter((line) => {
    const { level: _, msg, time: __, ...fields } = line as Line & { readonly time: string };
    const texts = Object.values(fields).filter((value) => typeof value === "string" && value.length > 20);
    return ![msg, ...texts].some((text) => shown.includes(text));
  });
  assert.deepEqual(missing, []);
  assert.doesNotMatch(shown, /[0-9a-f]{64}/);
  const text = (await runShipped(["status", "--socket", node.socket])).stdout;
  assert.match(text, /^ {2}\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z {2}neighbour /m);
});
