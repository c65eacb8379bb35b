/**
 * What docs/symptoms.md shows is what the commands print on a node with that fault: every line, but for
 * numbers.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import type { AgentProcess } from "../../testing/agent/agent-process.ts";
import { runCauseway } from "../../testing/agent/run-causeway.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { nftablesServices } from "../../testing/machine/kube-proxy.ts";
import { makeNeighbourhood, type Neighbourhood } from "../../testing/machine/neighbourhood.ts";
import { makeNetns, type Netns, runOnHost } from "../../testing/machine/netns.ts";

const DOCUMENT = readFileSync(new URL("../../../docs/symptoms.md", import.meta.url), "utf8");

let lab: Neighbourhood;
let agent: AgentProcess;
const pods: Netns[] = [];

before(async () => {
  lab = await makeNeighbourhood();
  agent = lab.node.start("--standalone", "--nodes-file", lab.node.nodesFile);
  await agent.waitUntilReady();
  for (const name of ["web", "db"]) {
    const netns = await makeNetns();
    pods.push(netns);
    await lab.node.call("ADD", {
      containerId: name.repeat(10),
      netns: netns.path,
      args: `K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${name}-0`,
    });
  }
});

after(async () => {
  for (const pod of pods) await pod.remove();
  await lab.remove();
});

const SERVICES = { family: 4, web: "10.96.0.20", mixed: "10.96.0.21", empty: "10.96.0.22" } as const;

/**
 * The faults in the order in which they are made; `line` of an output tells it from others of the same
 * command.
 */
const FAULTS: readonly {
  readonly command: string;
  readonly line: string;
  readonly make?: () => Promise<unknown>;
}[] = [
  { command: "trace shop/web-0 shop/db-0:5432", line: "the path is complete" },
  { command: "trace shop/web-0 198.51.100.7:443", line: "masquerade" },
  { command: "status", line: "Last CNI calls" },
  {
    command: "trace shop/web-0 10.96.0.22:80",
    line: "broken at: service",
    make: () => nftablesServices({ ...SERVICES, pod: "10.244.1.3", far: "10.244.3.7" }),
  },
  { command: "doctor", line: "ok    MTU" },
  {
    command: "trace shop/web-0 10.244.3.9:5432",
    line: "broken at: packet filters",
    make: () =>
      runOnHost(
        "nft",
        "table inet firewall {\nchain forwarding {\ntype filter hook forward priority 0; policy drop;\n}\n}",
      ),
  },
  { command: "doctor", line: "FAIL  packet filters" },
  {
    command: "status",
    line: "the agent does not answer",
    make: () => agent.end("SIGKILL"),
  },
  {
    command: "status",
    line: "not ready",
    async make() {
      lab.node.writeNodes();
      await runOnHost("ip", "link", "del", "cw0");
      const waiting = lab.node.start("--standalone", "--nodes-file", lab.node.nodesFile);
      await eventually(
        "the reason is told",
        async () => /! pod CIDRs: Node /.test(await run("status")) && waiting.pid > 0,
      );
    },
  },
];

for (const { command, line, make } of FAULTS)
  test(`docs/symptoms.md shows what "causeway ${command}" prints: ${line}`, async () => {
    await make?.();
    const block = blocks().find((text) => text.startsWith(`$ causeway ${command}\n`) && text.includes(line));
    assert.ok(block !== undefined, "the document has no such output");
    const printed = new Set((await run(...command.split(" "))).split("\n").map(normalise));
    for (const shown of block.split("\n").slice(1))
      assert.ok(printed.has(normalise(shown)), `${shown}\nis not in:\n${[...printed].join("\n")}`);
  });

test("every output in docs/symptoms.md is one that a test makes", () => {
  const isMade = (block: string): boolean =>
    FAULTS.some(({ command, line }) => block.startsWith(`$ causeway ${command}\n`) && block.includes(line));
  assert.deepEqual(
    blocks().filter((block) => !isMade(block)),
    [],
  );
});

function blocks(): readonly string[] {
  return [...DOCUMENT.matchAll(/^```text\n(.*?)\n```$/gms)].map(([, text = ""]) => text);
}

async function run(command = "", ...args: readonly string[]): Promise<string> {
  return (await runCauseway([command, "--socket", lab.node.socket, ...args])).stdout;
}

/** Numbers, times and the folders of the test differ from run to run; so do the blanks that fill columns. */
function normalise(line: string): string {
  return line
    .trim()
    .replaceAll(/"\/\S*\/agent\.sock/g, '"SOCKET')
    .replaceAll(/\d+/g, "#")
    .replaceAll(/ +/g, " ");
}
