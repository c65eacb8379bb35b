import assert from "node:assert/strict";
import { join } from "node:path";
import type { TestNode } from "./agent-process.ts";
import { makeNetns, type Netns } from "../machine/netns.ts";
import { type PrivilegedAnswer, privileged } from "../runner/privileged.ts";
import type { RecordedCall, Recording } from "./recordings.ts";

/** Plugins that come after the main one in a chain, or are called by it: not our job, and not replayed. */
const OTHERS = new Set(["host-local", "portmap", "bandwidth"]);

/**
 * Replays the calls of one scenario through the shim: our plugin stands in for the network's main plugin,
 * loopback for itself. A recorded namespace becomes one of its own, which goes when the runtime no longer
 * names it. Every call must succeed: a recorded plugin that failed was told to.
 */
export async function replay(
  recording: Recording,
  { node, onReboot }: { readonly node: TestNode; readonly onReboot: () => Promise<void> },
): Promise<void> {
  const calls = recording.calls.filter(({ plugin }) => !OTHERS.has(plugin));
  const namespaces = await makeNamespaces(calls);
  const results = new Map<string, unknown>();
  const run = async (call: RecordedCall): Promise<void> => {
    const { CNI_COMMAND = "", CNI_CONTAINERID = "", CNI_NETNS = "" } = call.environment;
    const pod = namespaces.get(CNI_CONTAINERID);
    if (CNI_NETNS === "" && !recording.name.includes("netns-unmounted")) await pod?.remove();
    const netns = CNI_NETNS === "" ? "" : (pod?.path ?? assert.fail(`no namespace "${CNI_NETNS}"`));
    const answer = await callPlugin(node, call, { netns, prevResult: results.get(CNI_CONTAINERID) });
    const { exitCode, stdout } = answer;
    assert.equal(exitCode, 0, `${call.plugin} ${CNI_COMMAND}: ${stdout}`);
    if (CNI_COMMAND !== "ADD") assert.equal(stdout, "");
    else if (call.plugin !== "loopback") results.set(CNI_CONTAINERID, JSON.parse(stdout));
  };
  try {
    if (recording.name.includes("concurrent")) await Promise.all(calls.map(run));
    else
      for (const [index, call] of calls.entries()) {
        if (recording.name.includes("reboot") && isFirstDel(calls, index)) await onReboot();
        await run(call);
      }
    await deleteRest(calls, run);
  } finally {
    for (const pod of namespaces.values()) await pod.remove();
  }
}

/** A namespace that is removed at most once, whatever the scenario says. */
async function makeNamespaces(calls: readonly RecordedCall[]): Promise<ReadonlyMap<string, Netns>> {
  const containers = new Set(
    calls.flatMap(({ environment: { CNI_NETNS, CNI_CONTAINERID = "" } }) =>
      CNI_NETNS ? [CNI_CONTAINERID] : [],
    ),
  );
  return new Map(
    await Promise.all(
      [...containers].map(async (container) => {
        const pod = await makeNetns();
        let removed: Promise<void> | undefined;
        return [container, { ...pod, remove: () => (removed ??= pod.remove()) }] as const;
      }),
    ),
  );
}

function isFirstDel(calls: readonly RecordedCall[], index: number): boolean {
  return calls.findIndex(({ environment }) => environment["CNI_COMMAND"] === "DEL") === index;
}

/** A recording that ends with running pods ends here as kubelets end it: DEL for each, its namespace gone. */
async function deleteRest(
  calls: readonly RecordedCall[],
  run: (call: RecordedCall) => Promise<void>,
): Promise<void> {
  const deleted = new Set(
    calls.map(
      ({ environment: { CNI_COMMAND, CNI_CONTAINERID } }) => CNI_COMMAND === "DEL" && CNI_CONTAINERID,
    ),
  );
  const left = calls.filter(
    ({ environment: { CNI_COMMAND, CNI_CONTAINERID } }) =>
      CNI_COMMAND === "ADD" && CNI_CONTAINERID !== undefined && !deleted.has(CNI_CONTAINERID),
  );
  for (const call of left) {
    await run({ ...call, environment: { ...call.environment, CNI_COMMAND: "DEL", CNI_NETNS: "" } });
  }
}

function callPlugin(
  node: TestNode,
  { plugin, environment, stdin }: RecordedCall,
  { netns, prevResult }: { readonly netns: string; readonly prevResult: unknown },
): Promise<PrivilegedAnswer> {
  const isLoopback = plugin === "loopback";
  const config = JSON.parse(stdin) as Readonly<Record<string, unknown>>;
  const adapted = {
    ...config,
    ...(isLoopback ? {} : { type: "causeway", socket: node.socket }),
    // What the runtime remembered was another plugin's result: it would have remembered ours.
    ...(config["prevResult"] === undefined || prevResult === undefined ? {} : { prevResult }),
  };
  const isOfPod = environment["CNI_NETNS"] !== undefined;
  return privileged({
    command: [join(node.cniBinDir, isLoopback ? "loopback" : "causeway")],
    environment: { ...environment, ...(isOfPod ? { CNI_NETNS: netns } : {}) },
    stdin: JSON.stringify(adapted),
  });
}
