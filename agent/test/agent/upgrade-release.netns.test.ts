/** From the release before and back to it, while pods run: the gateways' prefixes and the way to pods change, and no packet is lost. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { type AgentProcess, makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { type FormerAgent, startFormerAgent } from "../../testing/agent/former-release.ts";
import { makeNetns, type Netns, runOnHost } from "../../testing/machine/netns.ts";

const GATEWAYS = ["10.244.1.1", "fd00:1::1"];
const CIDRS = ["10.244.1.0/24", "fd00:1::/64"] as const;

let node: TestNode;
let folder: string;
let pods: readonly Netns[];
let former: FormerAgent | undefined;
let agent: AgentProcess | undefined;

before(async () => {
  node = makeNode();
  folder = mkdtempSync(join(tmpdir(), "upgrade-"));
  node.writeNodes(...CIDRS);
  pods = await Promise.all([makeNetns(), makeNetns(), makeNetns()]);
});

after(async () => {
  await former?.end();
  for (const pod of pods) await pod.remove();
  await node.remove();
  rmSync(folder, { recursive: true });
});

interface Pair {
  readonly name: string;
  /** Undefined: the node. */
  readonly from: Netns | undefined;
  readonly target: string;
}

interface Conversation {
  /** Packets that were not answered. */
  end(): Promise<{ readonly sent: number; readonly lost: number }>;
}

/** Asks every 5 ms, until it is ended. */
async function converse(context: TestContext, { name, from, target }: Pair): Promise<Conversation> {
  const file = join(folder, name.replaceAll(/\W/g, "-"));
  const script = `echo $$ >${file}.pid; exec ping -n -q -i 0.005 ${target} >${file}`;
  const run = from === undefined ? runOnHost("sh", "-c", script) : from.run("sh", "-c", script);
  const done = run.catch(() => undefined); // ping ends with 1 when nothing was answered
  context.after(() => runOnHost("sh", "-c", `kill -9 ${readPid(file)} 2>/dev/null; true`));
  await eventually(`${name} begins`, async () => readPid(file) !== "");
  return {
    async end() {
      await runOnHost("kill", "-INT", readPid(file));
      await done;
      const [, sent, received] =
        /(\d+) packets transmitted, (\d+) received/.exec(readFileSync(file, "utf8")) ?? [];
      return { sent: Number(sent), lost: Number(sent) - Number(received) };
    },
  };
}

function readPid(file: string): string {
  try {
    return readFileSync(`${file}.pid`, "utf8").trim();
  } catch {
    return "";
  }
}

/** What the host has: `former` or the shape of today. */
async function assertShape(shape: "former" | "of today"): Promise<void> {
  const addresses = await runOnHost("ip", "-o", "address", "show", "dev", "cw0");
  const routes = await runOnHost("sh", "-c", "ip route; ip -6 route");
  if (shape === "former") {
    assert.match(addresses, /10\.244\.1\.1\/24/);
    assert.match(routes, /^10\.244\.1\.0\/24 dev cw0/m);
    return;
  }
  assert.match(addresses, /10\.244\.1\.1\/32[^]*fd00:1::1\/128/);
  assert.doesNotMatch(routes, /^(10\.244\.1\.0\/24|fd00:1::\/64) dev cw0/m);
}

test("an upgrade from the release before, and a rollback to it, lose no packet between pods, node and gateway", async (context) => {
  const [a, b, late] = pods as [Netns, Netns, Netns];
  former = await startFormerAgent(node, 18_900);
  const ofA = await node.add("a", a);
  const ofB = await node.add("b", b);
  await assertShape("former");
  const pairs = [
    ...ofB.map((target) => ({ name: `pod to pod ${target}`, from: a, target })),
    ...GATEWAYS.map((target) => ({ name: `pod to gateway ${target}`, from: a, target })),
    // From one address, as a connection is: without, the kernel chooses anew for each packet, and has nothing while IPv6 waits for its gateway.
    ...ofA.map((target, index) => {
      return { name: `node to pod ${target}`, from: undefined, target: `-I ${GATEWAYS[index]} ${target}` };
    }),
  ];
  const conversations = await Promise.all(
    pairs.map(async ({ name, from, target }) => ({
      name,
      it: await converse(context, { name, from, target }),
    })),
  );
  const reach = async (): Promise<void> => {
    for (const target of [...ofA, ...ofB, ...GATEWAYS]) await late.run("ping", "-n", "-c1", "-W5", target);
  };
  await former.end();
  former = undefined;
  agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
  await assertShape("of today");
  await node.add("late", late);
  await reach();
  await agent.end("SIGTERM");
  former = await startFormerAgent(node, 18_901);
  await assertShape("former");
  await reach();
  await node.del("late");
  for (const { name, it } of conversations) {
    const { sent, lost } = await it.end();
    context.diagnostic(`${name}: ${lost} of ${sent} lost`);
    // The last one may be on its way.
    assert.ok(lost <= 1, `${name}: ${lost} of ${sent} lost`);
    assert.ok(sent > 100, `${name}: only ${sent} sent`);
  }
});
