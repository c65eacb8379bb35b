import assert from "node:assert/strict";
import { readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runCommand } from "../lib/command.ts";
import { type ContainerdTools, REPOSITORY } from "../lib/tools.ts";
import { waitUntilHolds } from "../lib/wait-for.ts";
import { GATEWAYS, type PodLab } from "./pod-lab.ts";

/** What containerd says while it has no configuration of any name. */
const NO_CONFLIST = /cni plugin not initialized/;

/** What an uninstallation means for pods that run, and for the runtime that has to stop them. */
export function testUninstall(getLab: () => PodLab, containerd: ContainerdTools): void {
  test("a pod that runs while the node is uninstalled keeps its network, and can be stopped; without a conflist of any name it could not", async (t) => {
    const lab = getLab();
    t.after(lab.pods.removeAll);
    await lab.agents.ready();
    const pod = await lab.pods.run("one");
    await lab.agents.stop("SIGTERM");
    assert.match(await uninstall(lab), /^Kept ".*causeway": 1 pod interfaces need it/m);
    assert.deepEqual(readdirSync(lab.cniConfDir), ["zz-causeway.conflist"]);
    await runCommand([...pod.enter, "ping", "-n", "-c", "2", "-i", "0.05", "-W", "2", GATEWAYS[0]]);
    // Where the runtime asks STATUS, the shim answers that no agent is there: no pod is sent to the node.
    assert.equal((await lab.containerd.cri.networkReady()).ready, containerd.majorVersion === 1);
    const kept = join(lab.cniConfDir, "zz-causeway.conflist");
    // In the same folder: a file that comes from another one goes unnoticed (containerd/containerd#11715).
    const away = join(lab.cniConfDir, ".away");
    renameSync(kept, away);
    await untilConflist(lab, false);
    await assert.rejects(lab.containerd.cri.stopPod(pod.id), NO_CONFLIST);
    renameSync(away, kept);
    await untilConflist(lab, true);
    await lab.pods.remove(pod.id);
  });

  test("uninstall --all after the last pod leaves the node's network and folders as they were before the agent", async (t) => {
    const lab = getLab();
    t.after(() => lab.agents.stop("SIGTERM"));
    await lab.agents.ready();
    const pod = await lab.pods.run("one");
    await lab.pods.remove(pod.id);
    await lab.agents.stop("SIGTERM");
    await uninstall(lab, "--all");
    const links = (await lab.nodeView.links()).map(({ ifname }) => ifname);
    assert.deepEqual(links.toSorted(), ["lo", "up0"]);
    const { enter } = lab.network.node;
    assert.equal(await runCommand([...enter, "nft", "list", "ruleset"]), "");
    assert.equal(await runCommand([...enter, "ip", "route", "show", "proto", "99"]), "");
    assert.deepEqual(readdirSync(lab.cniConfDir), []);
    assert.ok(!readdirSync(lab.cniBinDir).includes("causeway"));
  });
}

/** Waits until the runtime has noticed that there is a conflist, or none. */
function untilConflist({ containerd }: PodLab, isThere: boolean): Promise<void> {
  const assertion = async (): Promise<void> =>
    assert.equal(NO_CONFLIST.test((await containerd.cri.networkReady()).message), !isThere);
  return waitUntilHolds("the runtime's look at its folder", assertion, { timeoutMs: 5000 });
}

function uninstall(lab: PodLab, ...flags: readonly string[]): Promise<string> {
  const { socket, cniBinDir, cniConfDir } = lab;
  const own = ["--socket", socket, "--cni-bin-dir", cniBinDir, "--cni-conf-dir", cniConfDir];
  const program = [process.execPath, join(REPOSITORY, "dist", "causeway.mjs"), "uninstall"];
  return runCommand([...lab.network.node.enter, ...program, ...own, ...flags]);
}
