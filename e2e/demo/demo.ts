/**
 * The main job in one minute: a node with an agent, pods that a runtime would ask for through the shim, and
 * the outside world, each in a network namespace. Prints each step with its time; exits non-zero when one
 * fails.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createPolicyDemo } from "./policy-steps.ts";
import { type AgentProcess, askMirror, run, startAgent, startMirror } from "./machine.ts";

const NODE = { v4: "192.0.2.10", v6: "2001:db8::10" };
const OUTSIDE = { v4: "192.0.2.1", v6: "2001:db8::1" };
const POD_CIDRS = ["10.244.1.0/24", "fd00:10:244:1::/64"];
const HTTP_PORT = 9655;
const MIRROR_PORT = 8080;

const steps: { name: string; ms: number; note: string }[] = [];

/** Runs one step, and prints it with its time and what it showed. */
async function step(name: string, act: () => Promise<string> | string): Promise<void> {
  const startMs = performance.now();
  process.stdout.write(`${name} …`);
  const note = await act();
  const ms = performance.now() - startMs;
  steps.push({ name, ms, note });
  process.stdout.write(` ${note}\n`);
}

// A private /run, which ends with the demo: for named namespaces, the socket and the host folders.
run(["mount", "-t", "tmpfs", "tmpfs", "/run"]);
const folder = mkdtempSync("/run/demo-");
const host = {
  bin: join(folder, "cni/bin"),
  conf: join(folder, "cni/net.d"),
  socket: "/run/causeway/agent.sock",
};
for (const path of [host.bin, host.conf]) mkdirSync(path, { recursive: true });
const nodesFile = join(folder, "nodes.yaml");
writeFileSync(
  nodesFile,
  JSON.stringify([{ name: "node-1", addresses: [NODE.v4, NODE.v6], podCIDRs: POD_CIDRS }]),
);
const agentFlags = ["--node-name", "node-1", "--nodes-file", nodesFile, "--socket", host.socket];
const policies = createPolicyDemo(folder, ["pod-a", "pod-b", "pod-c"]);
agentFlags.push("--objects-file", policies.objectsFile);
agentFlags.push("--cni-bin-dir", host.bin, "--cni-conf-dir", host.conf);

interface CniResult {
  readonly ips: readonly { readonly address: string }[];
}

/** Calls the installed shim with the installed conflist, as a runtime does. */
function callShim(command: "ADD" | "DEL", pod: string): string {
  const conflist = JSON.parse(readFileSync(join(host.conf, "10-causeway.conflist"), "utf8")) as {
    plugins: object[];
  };
  const environment = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: `demo-${pod}`,
    CNI_NETNS: `/run/netns/${pod}`,
    CNI_IFNAME: "eth0",
    CNI_PATH: host.bin,
    CNI_ARGS: `K8S_POD_NAMESPACE=default;K8S_POD_NAME=${pod}`,
  };
  const input = JSON.stringify({ cniVersion: "1.0.0", name: "causeway", ...conflist.plugins[0] });
  return run([join(host.bin, "causeway")], { env: environment, input });
}

const addresses = new Map<string, readonly string[]>();

function addPod(pod: string): string {
  run(["ip", "netns", "add", pod]);
  const { ips } = JSON.parse(callShim("ADD", pod)) as CniResult;
  const plain = ips.map(({ address }) => address.replace(/\/\d+$/, ""));
  addresses.set(pod, plain);
  return plain.join(" and ");
}

function addressesOf(pod: string): readonly string[] {
  return addresses.get(pod) ?? assert.fail(`no pod ${pod}`);
}

function ping(pod: string, target: string): string {
  const said = run(["ping", "-c", "3", "-i", "0.01", "-W", "1", target], { netns: pod });
  const average = /= [\d.]+\/([\d.]+)\//.exec(said)?.[1];
  return `${target} answers, round trip ${average} ms`;
}

function egress(pod: string, target: string, node: string): string {
  const seen = askMirror(pod, target, MIRROR_PORT);
  assert.equal(seen, node, "the outside must see the node's address");
  return `outside saw ${seen}, the node's address`;
}

/** Names, in their order. */
function listLinks(): readonly string[] {
  return [...run(["ip", "-o", "link"]).matchAll(/^\d+: ([^:@]+)/gm)].map(([, name = ""]) => name).toSorted();
}

let agent: AgentProcess;

await step("make a node with an uplink, and the world outside", async () => {
  run(["ip", "netns", "add", "outside"]);
  run(["ip", "link", "add", "up0", "type", "veth", "peer", "name", "world0", "netns", "outside"]);
  for (const [address, length, link, netns] of [
    [NODE.v4, 24, "up0", undefined],
    [NODE.v6, 64, "up0", undefined],
    [OUTSIDE.v4, 24, "world0", "outside"],
    [OUTSIDE.v6, 64, "world0", "outside"],
  ] as const) {
    const at = netns === undefined ? {} : { netns };
    run(
      [
        "ip",
        "address",
        "add",
        `${address}/${length}`,
        "dev",
        link,
        ...(address.includes(":") ? ["nodad"] : []),
      ],
      at,
    );
    run(["ip", "link", "set", link, "up"], at);
  }
  run(["ip", "link", "set", "lo", "up"]);
  run(["ip", "route", "add", "default", "via", OUTSIDE.v4]);
  run(["ip", "-6", "route", "add", "default", "via", OUTSIDE.v6]);
  await startMirror("outside", MIRROR_PORT);
  return `node ${NODE.v4} and ${NODE.v6}`;
});

// Where a module of tunnels is loaded, a namespace has its fallback device, as sit0, from the beginning.
const linksBefore = listLinks();

await step("start the agent with CAP_NET_ADMIN only, until it is ready", async () => {
  agent = await startAgent(agentFlags, HTTP_PORT);
  return `installed ${readdirSync(host.bin).join(", ")} and ${readdirSync(host.conf).join(", ")}`;
});

await step("ADD pod-a", () => addPod("pod-a"));
await step("ADD pod-b", () => addPod("pod-b"));
await step("pod-a to pod-b over IPv4", () => ping("pod-a", addressesOf("pod-b")[0] ?? ""));
await step("pod-a to pod-b over IPv6", () => ping("pod-a", addressesOf("pod-b")[1] ?? ""));
await step("pod-a to the world over IPv4", () => egress("pod-a", OUTSIDE.v4, NODE.v4));
await step("pod-a to the world over IPv6", () => egress("pod-a", OUTSIDE.v6, NODE.v6));

await step("open a connection from pod-a to pod-b", () =>
  policies.open("pod-a", "pod-b", addressesOf("pod-b")[0] ?? ""),
);
await step("a NetworkPolicy isolates pod-b", () => policies.isolate("pod-b"));
await step("another one lets pod-a through", () => policies.allow("pod-b", "pod-a"));
await step("that policy is deleted", () => policies.forbid());
await step("the agent explains what was denied", async () => {
  const metrics = await agent.get("/metrics");
  const [, packets] = /^causeway_policy_denied_total\{.*policy="closed"\} (\d+)$/m.exec(metrics) ?? [];
  const denied = run(
    [
      process.execPath,
      "dist/causeway.mjs",
      "trace",
      "--socket",
      host.socket,
      "--json",
      "default/pod-a",
      "default/pod-b:7000",
    ],
    {
      exitCode: 4,
    },
  );
  assert.match(denied, /isolated by default\/closed, no rule allows it/);
  assert.ok(packets !== undefined, "the metric has the policy");
  return "trace: isolated by default/closed, no rule allows it";
});
await step("all policies are deleted", () => policies.release());

await step("kill the agent and start it again", async () => {
  await agent.end("SIGKILL");
  ping("pod-a", addressesOf("pod-b")[0] ?? "");
  agent = await startAgent(agentFlags, HTTP_PORT);
  assert.match(await agent.get("/metrics"), /^causeway_attachments 2$/m);
  ping("pod-b", addressesOf("pod-a")[1] ?? "");
  return "pods talked meanwhile, both attachments are known again";
});

await step("ADD pod-c", () => {
  const note = addPod("pod-c");
  const all = ["pod-a", "pod-b", "pod-c"].flatMap(addressesOf);
  assert.equal(new Set(all).size, all.length, "an address was given twice");
  return note;
});

await step("DEL all three pods", async () => {
  for (const pod of addresses.keys()) callShim("DEL", pod);
  assert.match(await agent.get("/metrics"), /^causeway_attachments 0$/m);
  assert.deepEqual(listLinks(), ["cw0", ...linksBefore].toSorted());
  assert.equal(run(["ip", "neighbour", "show", "dev", "cw0"]), "");
  return "no link, no address, no neighbour left";
});

await step("stop the agent", async () => `exit code ${await agent.end("SIGTERM")}`);

const width = Math.max(...steps.map(({ name }) => name.length));
process.stdout.write(`\n${"step".padEnd(width)}       time\n`);
for (const { name, ms } of steps)
  process.stdout.write(`${name.padEnd(width)} ${ms.toFixed(1).padStart(7)} ms\n`);
process.stdout.write("\nAll steps passed; the machine's own network was not touched.\n");
process.exit(0);
