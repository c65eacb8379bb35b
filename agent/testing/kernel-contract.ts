import assert from "node:assert/strict";
import { test } from "node:test";
import type { Kernel } from "../kernel/kernel.ts";
import type { AttachOutcome, PodSockets } from "../kernel/types.ts";
import { cidrOf } from "../net/cidr.ts";
import { hostLinkName } from "../net/host-link.ts";
import { type PodPlan, planPodNetwork } from "../plan/pods/pod-network.ts";
import { planRuleset } from "../plan/rules/ruleset.ts";
import type { Ruleset } from "../plan/nft/nft-table.ts";

export interface KernelUnderTest {
  readonly kernel: Pick<Kernel, "attachPod" | "checkPod" | "detachPod" | "listAttachments">;
  /** A pod's namespace with the sockets that a shim would pass. */
  makePod(): Promise<PodSockets>;
  /** Deletes the namespace and waits until the kernel has let it go. */
  removePod(pod: PodSockets): Promise<void>;
}

/** The answer of a kernel that has attached a pod. */
export function assertAttached(outcome: AttachOutcome): void {
  assert.equal(typeof outcome, "object", JSON.stringify(outcome));
}

let nextHost = 10;

/** A plan for container `containerId` with an address of its own. */
export function podPlan(containerId: string, ifname = "eth0"): PodPlan {
  const host = nextHost++;
  return planPodNetwork({
    network: "causeway",
    containerId,
    ifname,
    mtu: 1400,
    addresses: [
      { family: 4, address: `10.244.1.${host}`, gateway: "10.244.1.1" },
      { family: 6, address: `fd00:10:244:1::${host.toString(16)}`, gateway: "fd00:10:244:1::1" },
    ],
  });
}

/** The tables of a node with these pods' PodCIDRs. */
export const podRuleset: Ruleset = planRuleset({
  bridge: "cw0",
  podCidrs: [cidrOf("10.244.1.0", 24), cidrOf("fd00:10:244:1::", 64)],
  insideCidrs: [],
  masquerade: { families: [4, 6], randomPorts: true },
  serviceAddresses: [],
  overlay: undefined,
});

/** The promises of interface Kernel about attachments, for the fake and for the real one. */
export function testKernelContract(name: string, setUp: () => Promise<KernelUnderTest>): void {
  test(`${name} attachPod() makes an attachment that listAttachments() gives back`, async () => {
    const { kernel, makePod } = await setUp();
    const plan = podPlan("contract-1");
    assertAttached(await kernel.attachPod(plan, await makePod()));
    assert.deepEqual(
      (await kernel.listAttachments()).filter(({ containerId }) => containerId === "contract-1"),
      [
        {
          hostLink: hostLinkName("contract-1", "eth0"),
          network: "causeway",
          containerId: "contract-1",
          ifname: "eth0",
          addresses: plan.pod.addresses.map(({ address }) => address),
          mac: plan.pod.mac,
        },
      ],
    );
    assert.equal(await kernel.detachPod(plan.host.link), "detached");
  });

  test(`${name} attachPod() of a second interface of that name in one namespace answers "pod interface exists"`, async () => {
    const { kernel, makePod } = await setUp();
    const pod = await makePod();
    const first = podPlan("contract-2");
    const second = podPlan("contract-3");
    assertAttached(await kernel.attachPod(first, pod));
    assert.equal(await kernel.attachPod(second, pod), "pod interface exists");
    assert.equal(await kernel.detachPod(second.host.link), "gone");
    assert.equal(await kernel.detachPod(first.host.link), "detached");
  });

  test(`${name} attachPod() of a host link that is there leaves it as it is`, async () => {
    const { kernel, makePod } = await setUp();
    const plan = podPlan("contract-4");
    assertAttached(await kernel.attachPod(plan, await makePod()));
    assert.equal(await kernel.attachPod(podPlan("contract-4"), await makePod()), "host link exists");
    const attachments = await kernel.listAttachments();
    const observed = attachments.find(({ containerId }) => containerId === "contract-4");
    assert.deepEqual(
      observed?.addresses,
      plan.pod.addresses.map(({ address }) => address),
    );
    await kernel.detachPod(plan.host.link);
  });

  test(`${name} attachPod() serves two interfaces of one container`, async () => {
    const { kernel, makePod } = await setUp();
    const pod = await makePod();
    const plans = [podPlan("contract-5", "eth0"), podPlan("contract-5", "net1")];
    for (const plan of plans) assertAttached(await kernel.attachPod(plan, pod));
    for (const plan of plans) assert.equal(await kernel.detachPod(plan.host.link), "detached");
  });

  test(`${name} detachPod() of a link that is gone answers "gone", as often as asked`, async () => {
    const { kernel } = await setUp();
    const hostLink = hostLinkName("never-there", "eth0");
    assert.equal(await kernel.detachPod(hostLink), "gone");
    assert.equal(await kernel.detachPod(hostLink), "gone");
  });

  test(`${name} listAttachments() forgets a pod whose namespace died: no address can leak`, async () => {
    const { kernel, makePod, removePod } = await setUp();
    const pod = await makePod();
    const plan = podPlan("contract-6");
    assertAttached(await kernel.attachPod(plan, pod));
    await removePod(pod);
    assert.deepEqual(
      (await kernel.listAttachments()).filter(({ containerId }) => containerId === "contract-6"),
      [],
    );
    assert.equal(await kernel.detachPod(plan.host.link), "gone");
  });

  test(`${name} checkPod() has no fault to tell of a whole pod, and tells of one that is gone`, async () => {
    const { kernel, makePod } = await setUp();
    const pod = await makePod();
    const plan = podPlan("contract-7");
    await kernel.attachPod(plan, pod);
    assert.deepEqual(await kernel.checkPod(plan, pod), []);
    await kernel.detachPod(plan.host.link);
    assert.deepEqual(await kernel.checkPod(plan, pod), [`host link "${plan.host.link}" is missing`]);
  });

  test(`${name} detachPod() of many at once deletes each, and tells those that were gone`, async () => {
    const { kernel, makePod } = await setUp();
    const plans = ["contract-8", "contract-9", "contract-10"].map((containerId) => podPlan(containerId));
    for (const plan of plans.slice(0, 2)) await kernel.attachPod(plan, await makePod());
    assert.deepEqual(await Promise.all(plans.map(({ host }) => kernel.detachPod(host.link))), [
      "detached",
      "detached",
      "gone",
    ]);
    const left = new Set((await kernel.listAttachments()).map(({ hostLink }) => hostLink));
    for (const { host } of plans) assert.ok(!left.has(host.link));
  });
}
