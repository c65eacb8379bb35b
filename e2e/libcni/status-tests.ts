import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { observeCommand, runCommand } from "../lib/command.ts";
import { expectErrors } from "../lib/end-of-test.ts";
import { waitUntilHolds } from "../lib/wait-for.ts";
import { addPod, assertFailure, assertSuccess, type CniLab, testInLab } from "./cni-lab.ts";
import { type NodeLab, POD_CIDRS } from "./node-lab.ts";

/** One address of IPv4: the gateway has the other. */
const TINY_CIDRS = ["10.244.9.0/30", "fd00:10:244:9::/64"] as const;

/** The agent retries what has failed within a second. */
const FOLLOWS_WITHIN = { timeoutMs: 10_000, intervalMs: 50 } as const;

/** STATUS through libcni: whether an ADD could be served, and why not. */
export function testStatus(getLab: () => CniLab): void {
  testInLab("VERSION of the conflist satisfies libcni", getLab, async ({ node, libcni }) => {
    assertSuccess(await libcni.validate(node.conflist));
  });

  testInLab("STATUS succeeds while the agent is ready, and says 50 while it is away", getLab, async (lab) => {
    const { node, libcni } = lab;
    assertSuccess(await libcni.status(node.conflist));
    await node.stopAgent();
    assertFailure(await libcni.status(node.conflist), 50, node.socket);
    await node.agent();
    assertSuccess(await libcni.status(node.conflist));
  });

  testInLab(
    "STATUS says 50 with the pool when no address is left, and ADD says 101; a DEL ends it",
    getLab,
    async (lab) => {
      const { node, libcni, sandboxes } = lab;
      await restartWith(node, TINY_CIDRS);
      try {
        const pod = await addPod(lab);
        const late = await sandboxes.create();
        assertFailure(await libcni.add({ conflist: node.conflist, pod: late }), 101, TINY_CIDRS[0]);
        assertFailure(await libcni.status(node.conflist), 50, TINY_CIDRS[0]);
        assertSuccess(await libcni.del({ conflist: node.conflist, pod }));
        assertSuccess(await libcni.status(node.conflist));
      } finally {
        await sandboxes.removeAll();
        await restartWith(node, POD_CIDRS);
      }
    },
  );

  testInLab(
    "STATUS says 51 with nft's reason while pods run without masquerade, until it can be applied",
    getLab,
    async (lab) => {
      const { node, libcni } = lab;
      await addPod(lab);
      await using table = await occupyTable(node);
      expectErrors(/"error":"Cannot run nft .*Operation not permitted/);
      try {
        // Other nodes' PodCIDRs are part of the ruleset: news of one makes the agent apply it.
        node.setPeers([{ name: "node-b", addresses: ["192.0.2.3"], podCIDRs: ["10.244.8.0/24"] }]);
        const isLimited = async (): Promise<void> => {
          const { msg } = assertFailure(await libcni.status(node.conflist), 51);
          assert.match(msg, /nft/);
        };
        await waitUntilHolds("code 51", isLimited, FOLLOWS_WITHIN);
      } finally {
        await table.release();
        node.setPeers([]);
      }
      const isFine = async (): Promise<void> => assertSuccess(await libcni.status(node.conflist));
      await waitUntilHolds("STATUS without a fault", isFine, FOLLOWS_WITHIN);
    },
  );
}

async function restartWith(node: NodeLab, podCIDRs: readonly string[]): Promise<void> {
  await node.stopAgent();
  // The bridge of the former PodCIDRs would keep their gateways as those of pods that still run.
  await observeCommand(["ip", "-n", node.network.node.name, "link", "del", "cw0"]);
  node.setPodCidrs(podCIDRs);
  await node.agent();
}

/**
 * Replaces our table by one of the same name that belongs to another program: the kernel lets nobody else
 * change it (flag `owner`, nft(8)), and removes it with that program.
 */
async function occupyTable(node: NodeLab): Promise<AsyncDisposable & { release(): Promise<void> }> {
  const command = [`--net=/run/netns/${node.network.node.name}`, "--", "nft", "--interactive"];
  const owner = spawn("nsenter", command, { stdio: ["pipe", "ignore", "inherit"] });
  const ended = once(owner, "exit");
  const release = async (): Promise<void> => {
    owner.stdin.end();
    owner.kill("SIGKILL");
    await ended;
  };
  owner.stdin.write("delete table inet causeway\nadd table inet causeway { flags owner; }\n");
  const isOwned = async (): Promise<void> => {
    const list = [...node.network.node.enter, "nft", "list", "table", "inet", "causeway"];
    assert.match(await runCommand(list), /flags owner/);
  };
  await waitUntilHolds("a table that is somebody else's", isOwned, FOLLOWS_WITHIN);
  return { release, [Symbol.asyncDispose]: release };
}
