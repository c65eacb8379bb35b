import assert from "node:assert/strict";
import { request } from "node:http";
import { afterEach, beforeEach, test } from "node:test";
import type { DoctorReport, NodeReport } from "../../report/node-report.ts";
import { makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { runShipped } from "../../testing/agent/run-causeway.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { runOnHost } from "../../testing/machine/netns.ts";

const NODE = { host: "192.0.2.10", port: 18_920 } as const;
const LOCAL = { host: "127.0.0.1", port: 18_921 } as const;

let node: TestNode;

beforeEach(async () => {
  node = makeNode();
  node.writeNodes("10.244.1.0/24");
  await runOnHost("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "wire");
  await runOnHost("ip", "address", "add", `${NODE.host}/24`, "dev", "uplink");
  await runOnHost("ip", "link", "set", "uplink", "up");
  const listen = ["--http", `${NODE.host}:${NODE.port}`, "--probes", `${LOCAL.host}:${LOCAL.port}`];
  const agent = node.start("--standalone", "--nodes-file", node.nodesFile, "--http-page", "node", ...listen);
  await eventually("the agent is ready", async () => (await get(LOCAL, "/readyz")) === "ok\n", agent.log);
});

afterEach(async () => {
  await node.remove();
  await runOnHost("ip", "link", "delete", "uplink");
});

/** Undefined while nobody answers. */
function get({ host, port }: typeof NODE | typeof LOCAL, path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asked = request({ host, port, path, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.once("end", () => resolve(text));
    });
    asked.once("error", () => resolve(undefined));
    asked.end();
  });
}

async function doctorAt(place: typeof NODE | typeof LOCAL): Promise<DoctorReport | undefined> {
  return (JSON.parse((await get(place, "/report.json")) ?? "{}") as Partial<NodeReport>).doctor;
}

async function findingsOf(what: string): Promise<Extract<DoctorReport, { kind: "findings" }>> {
  let seen: DoctorReport | undefined;
  await eventually(what, async () => {
    seen = await doctorAt(LOCAL);
    return seen?.kind !== "running";
  });
  assert.ok(seen?.kind === "findings", JSON.stringify(seen));
  return seen;
}

test("the page and its report have what causeway doctor finds, with the remedy as it is to be pasted", async (t) => {
  await runOnHost("nft", "add table inet firewall");
  t.after(() => runOnHost("nft", "delete table inet firewall"));
  const chain = "{ type filter hook forward priority 0; policy drop; }";
  await runOnHost("nft", `add chain inet firewall forwarding ${chain}`);
  const { findings } = await findingsOf("the node is examined");
  const printed = await runShipped(["doctor", "--json", "--socket", node.socket]);
  const told = JSON.parse(printed.stdout) as { readonly findings: typeof findings };
  assert.deepEqual(
    findings.map(({ name, verdict }) => [name, verdict]),
    told.findings.map(({ name, verdict }) => [name, verdict]),
  );
  const fault = findings.find(({ name }) => name === "packet filters");
  assert.equal(fault?.verdict, "fail");
  const page = (await get(LOCAL, "/")) ?? "";
  const shown = (fault.remedy ?? "").replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  assert.ok(page.includes(`<td class="bad">FAIL<td>packet filters`), "the fault");
  assert.ok(page.includes(`<code>${shown}</code>`), "the remedy, whole");
  assert.match(page, /<p class="more">\d+ checks are ok/);
});

test("who reaches the node's address has the node neither examined nor gets what doctor finds, with the page open", async () => {
  await findingsOf("the node is examined for its own page");
  assert.equal(await doctorAt(NODE), undefined);
  assert.match((await get(NODE, "/")) ?? "", /<code>causeway doctor<\/code> on this node names causes/);
});
