import assert from "node:assert/strict";
import { test } from "node:test";
import { IFF_RUNNING } from "../netlink/constants.ts";
import { writeU32 } from "../netlink/message/host-order.ts";
import { ACKNOWLEDGED, type Outcome } from "../netlink/message/message.ts";
import { NetlinkError } from "../netlink/message/netlink-error.ts";
import { attachPod } from "./pod/attach-pod.ts";
import { createPodEncoder } from "./pod/pod-batches.ts";
import type { NetlinkClient } from "./socket/netlink-client.ts";
import { madeUpPod } from "../testing/agent/made-up-pod.ts";

const RTM_NEWLINK = 16;
const [ENOENT, EINVAL] = [2, 22];

/**
 * A kernel that says of a link only at the third look that its carrier was seen: before 6.8 a question does
 * not see to it.
 */
function createOldKernel() {
  const looks: Record<string, number> = {};
  const look = (what: string): Outcome => {
    const payload = Buffer.alloc(16);
    const count = (looks[what] = (looks[what] ?? 0) + 1);
    writeU32(payload, 8, count < 3 ? 0 : IFF_RUNNING);
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
            : requests.map(({ what }) => (what.startsWith("get link") ? look(what) : ACKNOWLEDGED)),
        ),
      ),
  };
  return { rtnetlink: rtnetlink as NetlinkClient, looks };
}

function contextOf(rtnetlink: NetlinkClient) {
  return {
    rtnetlink,
    bridgeIndex: 1,
    hasIpv6: true,
    nextLinkIndex: () => 2,
    encodePod: createPodEncoder(),
    clusterCidrs: () => [],
    admission: undefined,
    earlyReply: undefined,
  };
}

test("attachPod() ends only when the kernel has seen the carrier of link and bridge: a pod's first packets were lost", async () => {
  const { rtnetlink, looks } = createOldKernel();
  await attachPod(contextOf(rtnetlink), madeUpPod(1).plan, { netns: 0, rtnetlink: 0 });
  assert.deepEqual(looks, { "get link 2": 3, "get link 1": 3 });
});

/** A kernel that refuses the pod's limit, and lacks what it is asked for by this question. */
function lacking(question: string): NetlinkClient {
  const refuse = (what: string, code: number): Outcome => ({
    status: "failed",
    error: new NetlinkError({ errno: code, what }),
  });
  const rtnetlink: Pick<NetlinkClient, "tryExecute"> = {
    tryExecute: (steps) =>
      Promise.resolve(
        steps.map(({ requests }, index) => {
          if (steps.length > 1) return [index === 1 ? refuse("limit link 2", ENOENT) : ACKNOWLEDGED];
          if ("bytes" in requests) return [ACKNOWLEDGED];
          return requests.map(({ what }) => refuse(what, what === question ? ENOENT : EINVAL));
        }),
      ),
  };
  return rtnetlink as NetlinkClient;
}

for (const [question, named] of [
  [
    "try the qdisc tbf",
    /: Linux .* has no module sch_tbf \(CONFIG_NET_SCH_TBF\), which is needed for bandwidth/,
  ],
  [
    "",
    /: Linux .* must have the modules sch_tbf, sch_ingress, ifb, cls_u32, act_mirred for bandwidth limits/,
  ],
] as const)
  test(`attachPod() names the module of limits that the kernel lacks, where it can be told: ${question}`, async () => {
    const { plan } = madeUpPod(1);
    const { attachment } = plan;
    const bandwidth = { ingress: { rate: 1_000_000, burst: 100_000 }, egress: undefined };
    const limited = {
      ...plan,
      attachment: { ...attachment, settings: { ...attachment.settings, bandwidth } },
    };
    const refused = attachPod(contextOf(lacking(question)), limited, { netns: 0, rtnetlink: 0 });
    await assert.rejects(refused, named);
  });
