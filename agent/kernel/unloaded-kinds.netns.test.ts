/**
 * A kernel that has not loaded the driver of a kind of links answers a dump of that kind with all links: each
 * look at pods' links read all of a node where no pod has limits, and the start those of VXLAN. The tests
 * cannot unload drivers, so this kernel is asked for kinds that it knows even less.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { systemClock } from "../lib/clock.ts";
import { planNodeNetwork } from "../plan/node/node-network.ts";
import { cidr } from "../testing/cidr.ts";
import { podPlan, podRuleset } from "../testing/kernel-contract.ts";
import { closePod, makeNetns, type Netns, openPod, runOnHost, host } from "../testing/machine/netns.ts";
import { assertInsideTestNamespaces } from "../testing/runner/privileged.ts";
import type { Kernel } from "./kernel.ts";
import { openLinuxKernel } from "./linux-kernel.ts";
import { loadNative, type Native } from "./socket/native.ts";
import type { PodSockets } from "./types.ts";

assertInsideTestNamespaces();
const FOREIGN = 100;
/** A link takes more than a kilobyte in a dump. */
const MAX_BYTES = FOREIGN * 100;

/** RTM_GETLINK of linux/rtnetlink.h, and NLM_F_DUMP of linux/netlink.h. */
const [RTM_GETLINK, NLM_F_DUMP] = [18, 0x300];

const native = loadNative();
let unloaded: readonly string[] = ["ifb", "vxlan"];
let bytes = 0;
const forgetful: Native = {
  ...native,
  async request(steps) {
    const answers = await native.request(steps.map((step) => ({ ...step, bytes: forget(step.bytes) })));
    for (const answer of answers) bytes += answer?.length ?? 0;
    return answers;
  },
};

/** The same question about kinds that no kernel has. */
function forget(request: Buffer): Buffer {
  const isDump = request.readUInt16LE(4) === RTM_GETLINK && (request.readUInt16LE(6) & NLM_F_DUMP) !== 0;
  if (!isDump) return request;
  const copy = Buffer.from(request);
  for (const kind of unloaded) {
    const start = copy.indexOf(`${kind}\0`, 0, "latin1");
    if (start >= 0) copy.write("no", start, "latin1");
  }
  return copy;
}

/** What was read meanwhile. */
async function bytesOf(work: () => Promise<unknown>): Promise<number> {
  bytes = 0;
  await work();
  return bytes;
}

let kernel: Kernel;
let netns: Netns;
let sockets: PodSockets;

before(async () => {
  await host(`seq ${FOREIGN} | sed 's/.*/link add other& type bridge/' | ip -batch -`);
  await runOnHost("ip", "link", "add", "up0", "type", "veth", "peer", "name", "far0");
  kernel = openLinuxKernel(forgetful, { after: systemClock.after, onError: assert.ifError });
  const podCidrs = [cidr("10.244.1.0/24"), cidr("fd00:10:244:1::/64")];
  const plan = planNodeNetwork({ bridge: "cw0", mtu: 1400, podCidrs, formerCidrs: [], uplinks: [] });
  await kernel.ensureNode(plan);
  await kernel.ensureRuleset(podRuleset);
  netns = await makeNetns();
  sockets = await openPod(native, netns);
});

after(async () => {
  closePod(native, sockets);
  await netns.remove();
  kernel.close();
  const gone = `seq ${FOREIGN} | sed 's/.*/link del other&/' | ip -force -batch -; ip link del cw0; ip link del up0; nft flush ruleset; true`;
  await runOnHost("sh", "-c", gone);
});

test(`the routes to other nodes are listed without reading ${FOREIGN} links of others, where VXLAN is not loaded`, async () => {
  const found = await bytesOf(() => kernel.listPeers());
  assert.ok(found < MAX_BYTES, `${found} bytes were read`);
});

test(`pods' links are listed time after time without reading ${FOREIGN} links of others, where ifb is not loaded`, async () => {
  // The first look tells that the kernel does not know the kind.
  await kernel.listAttachments();
  for (const look of [kernel.listAttachments, kernel.repairAttachments, () => kernel.clearLeftovers("cw0")]) {
    const found = await bytesOf(look);
    assert.ok(found < MAX_BYTES, `${found} bytes were read`);
  }
});

test("a limit's ifb is seen from the moment when it is made, which loads the driver", async () => {
  const plan = podPlan("limited");
  const { attachment } = plan;
  const bandwidth = { ...attachment.settings.bandwidth, egress: { rate: 1_000_000, burst: 100_000 } };
  const limited = { ...plan, attachment: { ...attachment, settings: { ...attachment.settings, bandwidth } } };
  unloaded = [];
  assert.equal(typeof (await kernel.attachPod(limited, sockets)), "object");
  assert.deepEqual(await kernel.repairAttachments(), []);
});
