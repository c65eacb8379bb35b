/**
 * What distributions set before anything of ours runs, in the node's namespace and, as where namespaces
 * inherit it, in those of pods.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { makeNeighbourhood, type Neighbourhood } from "../../testing/machine/neighbourhood.ts";
import { callOnHost, makeNetns, type Netns, runOnHost } from "../../testing/machine/netns.ts";
import { SYSCTL_SETS, sysctlsFor } from "../../testing/machine/sysctl-sets.ts";

const SERVE = new URL("../../testing/machine/serve-port.ts", import.meta.url);
const ASK = new URL("../../testing/machine/ask-ports.ts", import.meta.url);

let around: Neighbourhood;
let pods: readonly [Netns, Netns];
let before: readonly string[];

beforeEach(async () => {
  around = await makeNeighbourhood();
  pods = [await makeNetns(), await makeNetns()];
});

afterEach(async () => {
  for (const pod of pods) await pod.remove();
  await around.remove();
  await runOnHost("sysctl", "-qw", ...before);
});

/** Sets what a namespace may set, and gives what was before. */
async function setAll(
  run: (...command: readonly string[]) => Promise<string>,
  settings: readonly string[],
): Promise<readonly string[]> {
  const names = settings.map((setting) => setting.replace(/=.*/, ""));
  const values = (await run("sysctl", "-n", ...names)).trim().split("\n");
  await run("sysctl", "-qw", ...settings);
  return names.map((name, index) => `${name}=${values[index] ?? ""}`);
}

async function addPods(): Promise<void> {
  const [web, other] = pods;
  const runtimeConfig = { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] };
  const { exitCode, stdout } = await around.node.call("ADD", {
    containerId: "web",
    netns: web.path,
    runtimeConfig,
  });
  assert.equal(exitCode, 0, stdout);
  await around.node.add("other", other);
  await web.call(SERVE, "web", "80");
}

for (const [name, settings] of Object.entries(SYSCTL_SETS)) {
  test(`under the sysctls of ${name} pods reach each other, the world, and a host port from everywhere, in both families`, async () => {
    const { node, outside } = around;
    const [, other] = pods;
    before = await setAll(runOnHost, sysctlsFor(settings, ["lo"]));
    await runOnHost("sysctl", "-qw", ...sysctlsFor(settings, ["up0"]));
    for (const pod of pods) await setAll(pod.run, sysctlsFor(settings, ["lo"]));
    await node.start("--standalone", "--nodes-file", node.nodesFile).waitUntilReady();
    await addPods();
    for (const target of ["10.244.1.2", "fd00:1::2", "10.244.1.1", "fd00:1::1", "192.0.2.1", "2001:db8::1"])
      await other.run("ping", "-n", "-c1", "-w5", target);
    const ask = async (call: Netns["call"], ...targets: readonly string[]): Promise<readonly string[]> =>
      (await call(ASK, ...targets)).split("\n");
    const [v4, v6] = ["tcp,192.0.2.10,8080", "tcp,2001:db8::10,8080"];
    assert.deepEqual(await ask(outside.call, v4, v6), ["web 192.0.2.1", "web 2001:db8::1"]);
    assert.deepEqual(await ask(other.call, v4, v6), ["web 10.244.1.3", "web fd00:1::3"]);
    assert.deepEqual(await ask(callOnHost, v4, "tcp,127.0.0.1,8080"), ["web 192.0.2.10", "web 10.244.1.1"]);
  });
}
