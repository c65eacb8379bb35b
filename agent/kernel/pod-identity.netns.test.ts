import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { systemClock } from "../lib/clock.ts";
import { planNodeNetwork } from "../plan/node/node-network.ts";
import type { PodIdentity } from "../plan/pods/names/pod-identity.ts";
import { type PodPlan, planPodNetwork } from "../plan/pods/pod-network.ts";
import { MAX_HOST_PORTS, ownTableName, type PodSettings } from "../plan/pods/pod-settings.ts";
import { podRuleset } from "../testing/kernel-contract.ts";
import { closePod, makeNetns, type Netns, openPod, runOnHost, host } from "../testing/machine/netns.ts";
import { assertInsideTestNamespaces } from "../testing/runner/privileged.ts";
import type { Kernel } from "./kernel.ts";
import { openLinuxKernel } from "./linux-kernel.ts";
import { loadNative } from "./socket/native.ts";
import type { PodSockets } from "./types.ts";

assertInsideTestNamespaces();
const native = loadNative();
const nodePlan = planNodeNetwork({
  bridge: "cw0",
  mtu: 1400,
  podCidrs: [{ family: 4, base: "10.244.1.0", prefixLength: 24 }],
  formerCidrs: [],
  uplinks: ["lo"],
});
const UID = "8f14e45f-ceea-467f-a8f2-6f1c0c1f9d3a";

let kernel: Kernel;
const pods: { readonly netns: Netns; readonly sockets: PodSockets }[] = [];

async function openKernel(): Promise<Kernel> {
  const opened = openLinuxKernel(native, { after: systemClock.after, onError: assert.ifError });
  assert.deepEqual((await opened.ensureNode(nodePlan)).faults, []);
  await opened.ensureRuleset(podRuleset);
  return opened;
}

before(async () => {
  kernel = await openKernel();
});

after(async () => {
  for (const { netns, sockets } of pods) {
    closePod(native, sockets);
    await netns.remove();
  }
  await runOnHost("ip", "link", "del", "cw0");
  kernel.close();
});

async function attach(
  pod: PodIdentity,
  settings?: PodSettings,
): Promise<{ plan: PodPlan; sockets: PodSockets }> {
  const netns = await makeNetns();
  const sockets = await openPod(native, netns);
  const address = `10.244.1.${pods.length + 2}`;
  pods.push({ netns, sockets });
  const plan = planPodNetwork({
    network: "causeway",
    containerId: String(pods.length).padStart(64, "c"),
    ifname: "eth0",
    pod,
    settings,
    mtu: 1400,
    addresses: [{ family: 4, address, gateway: "10.244.1.1" }],
  });
  assert.ok(typeof (await kernel.attachPod(plan, sockets)) === "object");
  return { plan, sockets };
}

async function identityOf(plan: PodPlan): Promise<PodIdentity | undefined> {
  return (await kernel.listAttachments()).find(({ hostLink }) => hostLink === plan.host.link)?.pod;
}

for (const { name, pod } of [
  { name: "of an ordinary pod", pod: { namespace: "shop", name: "cart-7c65d6cfc9-x2x5t", uid: UID } },
  {
    name: "as long as Kubernetes allows",
    pod: { namespace: "n".repeat(63), name: `${"p".repeat(240)}.${"q".repeat(12)}`, uid: UID },
  },
  { name: "without UID", pod: { namespace: "shop", name: "job-1" } },
]) {
  test(`namespace, name and UID ${name} are exact after the ADD, after a repair, and after a restart`, async () => {
    const { plan, sockets } = await attach(pod);
    assert.deepEqual(await identityOf(plan), pod);
    await host(`ip link set ${plan.host.link} nomaster; ip link set ${plan.host.link} down`);
    assert.notDeepEqual(await kernel.repairAttachments(), []);
    assert.deepEqual(await kernel.checkPod(plan, sockets), []);
    kernel.close();
    kernel = await openKernel();
    assert.deepEqual(await identityOf(plan), pod);
  });
}

test("a link has names for all that one pod may have: host ports, limits, tables of its own, and the longest name", async () => {
  const hostPorts = Array.from({ length: MAX_HOST_PORTS }, (_, index) => ({
    protocol: "tcp" as const,
    hostPort: 10_000 + index,
    containerPort: 10_000 + index,
    hostIp: undefined,
  }));
  const limit = { rate: 1_000_000_000, burst: 1_000_000 };
  const settings = { hostPorts, bandwidth: { ingress: limit, egress: limit }, anySource: true };
  const pod = { namespace: "n".repeat(63), name: "p".repeat(253), uid: UID };
  const { plan } = await attach(pod, settings);
  for (const family of [4, 6] as const) {
    const altName = ownTableName(plan.host.link, family);
    await runOnHost("ip", "link", "property", "add", "dev", plan.host.link, "altname", altName);
  }
  const attachments = await kernel.listAttachments();
  const listed = attachments.find(({ hostLink }) => hostLink === plan.host.link);
  assert.deepEqual({ pod: listed?.pod, settings: listed?.settings }, { pod, settings });
});

test("checkPod() says when a link has lost its pod's UID or a part of its name", async () => {
  const { plan, sockets } = await attach({ namespace: "n".repeat(63), name: "p".repeat(253), uid: UID });
  const names = [...plan.host.altNames, plan.host.uidName ?? assert.fail()];
  assert.equal(names.length, 5);
  for (const altName of names)
    await runOnHost("ip", "link", "property", "del", "dev", plan.host.link, "altname", altName);
  const faults = await kernel.checkPod(plan, sockets);
  assert.deepEqual(
    faults,
    names.map((altName) => `host link "${plan.host.link}" has lost its name "${altName}"`),
  );
  assert.match((await identityOf(plan))?.name ?? "", /^p+~$/);
});

test("links of the release before, without UID and with a cut name, are taken over by this one", async () => {
  const { plan } = await attach({ namespace: "shop", name: "cart-0" });
  const { link, alias } = plan.host;
  assert.deepEqual(await identityOf(plan), { namespace: "shop", name: "cart-0" });
  await runOnHost("ip", "link", "set", link, "alias", alias.replace("cart-0", `${"p".repeat(100)}~`));
  kernel.close();
  kernel = await openKernel();
  assert.deepEqual(await identityOf(plan), { namespace: "shop", name: `${"p".repeat(100)}~` });
  assert.deepEqual(await kernel.checkAttachments(), []);
});
