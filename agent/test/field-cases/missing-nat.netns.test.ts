/**
 * Kernels without what host ports, masquerade or the bridge guard need of nftables, which is what an nft(8)
 * that refuses their rules looks like.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { type AgentProcess, makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { type FindingsReport, findingsOf, runShipped } from "../../testing/agent/run-causeway.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns } from "../../testing/machine/netns.ts";

const { PATH = "" } = process.env;
const LACKS = String.raw`Linux \S+ has no module nft_nat \(CONFIG_NFT_NAT\), which is needed for host ports`;

let folder: string;
let node: TestNode;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nft-"));
  process.env["PATH"] = `${folder}${delimiter}${PATH}`;
});
afterEach(async () => {
  process.env["PATH"] = PATH;
  await node.remove();
  rmSync(folder, { recursive: true });
});

const WARNED = /^ok\nwarning: host ports: unavailable: /;

interface Missing {
  readonly flags?: readonly string[];
  /** What readiness comes to. */
  readonly readiness?: RegExp;
}

/** A node whose kernel refuses what has the given text. */
async function startWithout(
  text: string,
  { flags = [], readiness = WARNED }: Missing = {},
): Promise<AgentProcess> {
  const path = join(folder, "nft");
  writeFileSync(
    path,
    `#!/bin/sh
PATH=\${PATH#*:}
case "$*" in *-f*) ;; *) exec nft "$@" ;; esac
commands=$(cat)
case "$commands" in *"${text}"*) echo "Could not process rule: No such file or directory" >&2; exit 1 ;; esac
echo "$commands" | nft "$@"
`,
  );
  chmodSync(path, 0o700);
  node = makeNode();
  node.writeNodes("10.244.1.0/24", "fd00:1::/64");
  const agent = node.start("--standalone", "--nodes-file", node.nodesFile, ...flags);
  const said = async (): Promise<string> => (await agent.get("/readyz"))?.text ?? "";
  await eventually("readiness tells", async () => readiness.test(await said()), said);
  return agent;
}

test("a kernel without nft_nat leaves its node ready: a warning names the module, and so does the ADD of a pod with a host port", async () => {
  const agent = await startWithout("dnat ip to");
  assert.match((await agent.get("/readyz"))?.text ?? "", new RegExp(`unavailable: ${LACKS}`));
  const pod = await makeNetns();
  const runtimeConfig = { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] };
  const refused = await node.call("ADD", { containerId: "web", netns: pod.path, runtimeConfig });
  assert.notEqual(refused.exitCode, 0);
  assert.match(refused.stdout, new RegExp(`Cannot serve host ports: ${LACKS}`));
  await node.add("web", pod);
  await node.del("web", pod.path);
  await pod.remove();
});

test("a kernel without modules of NAT leaves a node ready that does not masquerade, and doctor only warns", async () => {
  await startWithout("type nat", { flags: ["--masquerade", "false"] });
  const { stdout } = await runShipped(["doctor", "--json", "--socket", node.socket]);
  const found = findingsOf(JSON.parse(stdout) as FindingsReport, "kernel");
  assert.deepEqual(new Set(found.map(({ verdict }) => verdict)), new Set(["warn"]));
  assert.match(JSON.stringify(found), /no module nft_chain_nat /);
});

test("a kernel without nftables for bridges keeps its node from readiness, which names the option and its use, as doctor does", async () => {
  const lacks = "no CONFIG_NF_TABLES_BRIDGE, which is needed for the bridge guard";
  await startWithout("table bridge", { readiness: new RegExp(`^(?!ok).*Linux \\S+ has ${lacks}`, "s") });
  const { stdout } = await runShipped(["doctor", "--json", "--socket", node.socket]);
  const found = findingsOf(JSON.parse(stdout) as FindingsReport, "kernel");
  assert.deepEqual(
    found.map(({ verdict }) => verdict),
    ["fail"],
  );
  assert.match(JSON.stringify(found), new RegExp(lacks));
});
