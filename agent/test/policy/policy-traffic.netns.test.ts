/** What people see of network policies, and what becomes of open connections: real agent, shim and kernel. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, type TestContext, test } from "node:test";
import type { NodeReport } from "../../report/node-report.ts";
import type { AgentProcess } from "../../testing/agent/agent-process.ts";
import { type FindingsReport, findingsOf, runShipped } from "../../testing/agent/run-causeway.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { runOnHost } from "../../testing/machine/netns.ts";
import { startFlow } from "../../testing/machine/start-flow.ts";
import { makePolicyNode, type PolicyNode, type PolicyPod } from "../../testing/policy/policy-node.ts";

let cluster: PolicyNode;
let agent: AgentProcess;
let web: PolicyPod;
let client: PolicyPod;

const CLOSED = { podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Ingress"] };
const fromApp = (app: string): object => ({
  podSelector: { matchLabels: { app: "web" } },
  ingress: [{ from: [{ podSelector: { matchLabels: { app } } }] }],
});
const FROM_CLIENT = fromApp("client");

beforeEach(async () => {
  cluster = await makePolicyNode("10.244.1.0/24", "fd00:1::/64");
  cluster.putNamespace("shop");
  agent = cluster.start();
  await agent.waitUntilReady();
  web = await cluster.startPod("shop/web", { labels: { app: "web" } });
  client = await cluster.startPod("shop/client", { labels: { app: "client" } });
});

afterEach(() => cluster.remove());

async function causeway(...args: readonly string[]): Promise<string> {
  return (await runShipped([...args, "--socket", cluster.node.socket])).stdout;
}

test("a denied packet is in the log, the report, status --denied and the metrics, with both pods and the policy", async () => {
  cluster.putPolicy("shop/closed", CLOSED);
  const [address = ""] = web.addresses;
  await cluster.becomes(false, client, address);
  const report = async () => JSON.parse((await agent.get("/report.json"))?.text ?? "{}") as NodeReport;
  await eventually("the report has it", async () => {
    await cluster.reaches(client, address);
    return (await report()).denied?.length;
  });
  const [denied] = (await report()).denied ?? [];
  const said = {
    direction: "ingress",
    from: `shop/client (${client.addresses[0]})`,
    to: `shop/web (${address})`,
    port: "TCP 80",
    reason: "isolated by shop/closed, no rule allows it",
  };
  assert.partialDeepStrictEqual(denied, said);
  const [total] = (await report()).denials ?? [];
  assert.partialDeepStrictEqual(total, { direction: "ingress", namespace: "shop", policy: "closed" });
  assert.ok((total?.packets ?? 0) > 0);
  for (const text of [await causeway("status", "--denied"), agent.log()])
    for (const part of ["shop/client", "shop/web", "TCP 80", "isolated by shop/closed"])
      assert.ok(text.includes(part), `${part} in ${text}`);
  const metrics = (await agent.get("/metrics"))?.text ?? "";
  const [, packets] =
    /^causeway_policy_denied_total\{direction="ingress",namespace="shop",policy="closed"\} (\d+)$/m.exec(
      metrics,
    ) ?? [];
  assert.ok(Number(packets) > 0, metrics);
});

test("a connection that a policy forbids while it is open ends within a second, and goes on when one allows it", async (context) => {
  cluster.putPolicy("shop/closed", CLOSED);
  cluster.putPolicy("shop/from-client", FROM_CLIENT);
  const [address = ""] = web.addresses;
  await cluster.becomes(true, client, address);
  const flow = await startFlow(context, { from: client.netns, to: web.netns, address, port: 7000 });
  cluster.removePolicy("shop/from-client");
  const ended = async () => (await agent.metric("causeway_policy_connections_ended_total")) ?? 0;
  // Those that asked whether the port answers may be among them.
  await eventually("both are ended", async () => (await ended()) >= 2);
  await flow.stops();
  await cluster.becomes(false, client, address);
  cluster.putPolicy("shop/from-client", FROM_CLIENT);
  await flow.goesOn();
});

/** Of the web pod, at every address of the node. */
const HOST_PORTS = {
  portMappings: ["tcp", "udp"].map((protocol) => ({ hostPort: 7000, containerPort: 7000, protocol })),
};

test("a connection through a host port that a policy forbids while it is open ends, and one that it allows goes on", async (context) => {
  const shown = await cluster.startPod("shop/shown", SHOWN, { runtimeConfig: HOST_PORTS });
  const friend = await cluster.startPod("shop/friend", { labels: { app: "friend" } });
  const { flow, address } = await flowThroughHostPort(context, shown);
  const other = await startFlow(context, { from: friend.netns, to: shown.netns, address, port: 7001 });
  cluster.putPolicy("shop/from-friend", fromApp("friend"));
  await flow.stops();
  await other.goesOn();
  cluster.removePolicy("shop/from-friend");
  await flow.goesOn();
});

test("with existingConnections: keep a connection that a policy forbids goes on, and no other begins", async (context) => {
  await agent.end("SIGTERM");
  agent = cluster.start("--policy-existing-connections", "keep");
  await agent.waitUntilReady();
  const shown = await cluster.startPod("shop/shown", SHOWN, { runtimeConfig: HOST_PORTS });
  const { flow, address } = await flowThroughHostPort(context, shown);
  cluster.putPolicy("shop/from-friend", fromApp("friend"));
  await cluster.becomes(false, client, address);
  await flow.goesOn();
});

const SHOWN = { labels: { app: "web" } };
/** From the client to the node's address in the pods' network, at a host port of the pod. */
async function flowThroughHostPort(context: TestContext, { netns, addresses }: PolicyPod) {
  const [address = ""] = addresses;
  const ends = { from: client.netns, to: netns, address, asked: "10.244.1.1", port: 7000 };
  return { flow: await startFlow(context, ends), address };
}

test("trace names the policies that deny, the rule that allows, and a table that somebody has changed", async () => {
  cluster.putPolicy("shop/closed", CLOSED);
  const [address = ""] = web.addresses;
  await cluster.becomes(false, client, address);
  const trace = async (): Promise<FindingsReport> =>
    JSON.parse(await causeway("trace", "--json", "shop/client", "shop/web:80")) as FindingsReport;
  const before = await trace();
  assert.deepEqual(
    [...findingsOf(before, "egress policies"), ...findingsOf(before, "ingress policies")].map(
      ({ verdict, evidence }) => `${verdict} ${evidence}`,
    ),
    [
      "ok TCP 80: no policy selects shop/client for egress",
      "fail TCP 80: isolated by shop/closed, no rule allows it",
    ],
  );
  assert.deepEqual(findingsOf(before, "policies"), []);
  cluster.putPolicy("shop/from-client", FROM_CLIENT);
  await cluster.becomes(true, client, address);
  const [allowed] = findingsOf(await trace(), "ingress policies");
  assert.equal(allowed?.evidence, "TCP 80: NetworkPolicy shop/from-client, ingress rule 1, allows it");
});

test("doctor names a chain of somebody else that sets the bit by which policies end connections, and a policy that selects nothing", async () => {
  cluster.putPolicy("shop/closed", { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] });
  cluster.putPolicy("shop/misspelt", { podSelector: { matchLabels: { app: "wbe" } } });
  const doctor = async (check: string): Promise<readonly string[]> =>
    findingsOf(JSON.parse(await causeway("doctor", "--json")) as FindingsReport, check).map(
      ({ verdict, evidence }) => `${verdict} ${evidence}`,
    );
  await eventually("doctor tells of the policy", async () =>
    (await doctor("policies")).includes(
      "warn NetworkPolicy shop/misspelt selects no pod at present, so that it does nothing",
    ),
  );
  assert.deepEqual(await doctor("policy mark"), [
    "ok bit 29 of connections' marks is used by policies alone",
  ]);
  await runOnHost(
    "nft",
    "add table inet other; add chain inet other c; add rule inet other c ct mark set ct mark or 0x20000000",
  );
  assert.deepEqual(await doctor("policy mark"), [
    "warn chain inet other c sets bit 29 of connections' marks, by which policies end connections; set policy.markBit to one that is free, such as 30",
  ]);
  await runOnHost("nft", "delete table inet other");
});
