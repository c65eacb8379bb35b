import assert from "node:assert/strict";
import { test } from "node:test";
import { IFF_RUNNING } from "../netlink/constants.ts";
import { writeU32 } from "../netlink/message/host-order.ts";
import { ACKNOWLEDGED, type Outcome } from "../netlink/message/message.ts";
import { attachPod } from "./pod/attach-pod.ts";
import { createPodEncoder } from "./pod/pod-batches.ts";
import type { NetlinkClient } from "./socket/netlink-client.ts";
import { madeUpPod } from "../testing/agent/made-up-pod.ts";

const RTM_NEWLINK = 16;

/**
 * A kernel that says of a link only at the third look that its carrier was seen: before 6.8 a question does
 * not see to it.
 */
function createOldKernel() {
  let looks = 0;
  const look = (): Outcome => {
    const payload = Buffer.alloc(16);
    writeU32(payload, 8, ++looks < 3 ? 0 : IFF_RUNNING);
    return {
      status: "done",
      replies: [{ type: RTM_NEWLINK, flags: 0, seq: 0, port: 0, payload }],
      interrupted: false,
    };
  };
  const rtnetlink: Pick<NetlinkClient, "tryExecute"> = {
    tryExecute: (steps) =>
      Promise.resolve(
        steps.map(({ requests }) =>
          "bytes" in requests
            ? [ACKNOWLEDGED]
            : requests.map(({ what }) => (what.startsWith("get link") ? look() : ACKNOWLEDGED)),
        ),
      ),
  };
  return { rtnetlink: rtnetlink as NetlinkClient, looks: () => looks };
}

test("attachPod() ends only when the kernel has seen the link's carrier: Linux before 6.8 lost a pod's first packets", async () => {
  const { rtnetlink, looks } = createOldKernel();
  const { plan } = madeUpPod(1);
  const context = {
    rtnetlink,
    bridgeIndex: 1,
    hasIpv6: true,
    nextLinkIndex: () => 2,
    encodePod: createPodEncoder(),
    clusterCidrs: () => [],
    admission: undefined,
    earlyReply: undefined,
  };
  await attachPod(context, plan, { netns: 0, rtnetlink: 0 });
  assert.equal(looks(), 3);
});
