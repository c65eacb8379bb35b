import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ContainerdTools } from "../lib/tools.ts";
import { REPOSITORY } from "../lib/tools.ts";
import { waitFor, waitUntilHolds } from "../lib/wait-for.ts";
import type { PodLab } from "./pod-lab.ts";

/** CAP_NET_ADMIN is bit 12 (linux/capability.h). */
const ONLY_NET_ADMIN = "0000000000001000";

/** From the node without a network to the first pod's CNI versions. */
export function testStarting(getLab: () => PodLab, containerd: ContainerdTools): void {
  // https://github.com/containerd/containerd/issues/11715
  test("the node gets ready within 5 s after the agent has renamed its conflist into place", async () => {
    const { agents, cniConfDir, containerd: runtime } = getLab();
    assert.equal((await runtime.cri.networkReady()).ready, false);
    assert.deepEqual(readdirSync(cniConfDir), []);
    const agent = await agents.launch();
    const conflist = join(cniConfDir, "10-causeway.conflist");
    const installed = (): true | undefined => (existsSync(conflist) ? true : undefined);
    await waitFor(`the conflist; the agent said ${agent.log()}`, installed, { timeoutMs: 15_000 });
    const isReady = async (): Promise<void> =>
      assert.deepEqual(await runtime.cri.networkReady(), { ready: true, message: "" });
    await waitUntilHolds("NetworkReady", isReady, { timeoutMs: 5000 });
    await agent.waitUntilReady();
  });

  test("the agent has CAP_NET_ADMIN and no other capability", async () => {
    const agent = await getLab().agents.ready();
    const { CapEff, CapPrm, CapBnd } = agent.capabilities();
    assert.deepEqual(
      { CapEff, CapPrm, CapBnd },
      { CapEff: ONLY_NET_ADMIN, CapPrm: ONLY_NET_ADMIN, CapBnd: ONLY_NET_ADMIN },
    );
  });

  test("the agent has installed nothing but its shim, as causeway and as loopback, and its conflist", async () => {
    const { agents, cniBinDir, cniConfDir } = getLab();
    await agents.ready();
    assert.deepEqual(readdirSync(cniBinDir).toSorted(), ["causeway", "loopback"]);
    assert.deepEqual(readdirSync(cniConfDir), ["10-causeway.conflist"]);
    const shim = readFileSync(join(REPOSITORY, "dist", "bin", "causeway"));
    for (const name of ["causeway", "loopback"])
      assert.ok(readFileSync(join(cniBinDir, name)).equals(shim), name);
  });

  const wantVersion = containerd.majorVersion >= 2 ? "1.1.0" : "1.0.0";
  test(`containerd ${containerd.version} and the conflist agree on CNI ${wantVersion}`, async (t) => {
    const { agents, pods, containerd: runtime } = getLab();
    t.after(pods.removeAll);
    await agents.ready();
    const { id } = await pods.run("version");
    // What libcni keeps of an ADD for the DEL (containernetworking/cni libcni/api.go, cachedInfo).
    const cached = readFileSync(runtime.outerPath(`/var/lib/cni/results/causeway-${id}-eth0`), "utf8");
    const { result } = JSON.parse(cached) as { result: { cniVersion: string } };
    assert.equal(result.cniVersion, wantVersion);
  });

  if (wantVersion !== "1.1.0") return;
  test("STATUS is asked, and its answer decides whether the node is ready", async () => {
    const { agents, containerd: runtime } = getLab();
    const agent = await agents.ready();
    const before = await agent.metric("causeway_cni_requests_total", { command: "STATUS", code: "0" });
    assert.equal((await runtime.cri.networkReady()).ready, true);
    const after = await agent.metric("causeway_cni_requests_total", { command: "STATUS", code: "0" });
    assert.equal(after, before + 1);
    await agents.stop("SIGTERM");
    const { ready, message } = await runtime.cri.networkReady();
    assert.equal(ready, false);
    assert.match(message, /causeway/);
    await agents.ready();
    assert.equal((await runtime.cri.networkReady()).ready, true);
  });
}
