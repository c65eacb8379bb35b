import assert from "node:assert/strict";
import { test } from "node:test";
import { NetlinkError } from "../../netlink/message/netlink-error.ts";
import { ACKNOWLEDGED, type Outcome } from "../../netlink/message/message.ts";
import { countConnections, dumpAllConnections } from "../../netlink/state/conntrack.ts";
import { walkConnections } from "./walk-connections.ts";

const EINVAL = 22;

/** A kernel that refuses the walk, and answers the smallest question. */
function refusing(outcome: Outcome) {
  return {
    walk: () => Promise.reject(new NetlinkError({ errno: EINVAL, what: dumpAllConnections().what })),
    tryExecute: () => Promise.resolve([[outcome]]),
  };
}

const walk = (outcome: Outcome): Promise<void> =>
  walkConnections(refusing(outcome), dumpAllConnections(), () => undefined);

test("walkConnections() names the module that the kernel lacks, which said nothing but EINVAL", async () => {
  const error = new NetlinkError({ errno: EINVAL, what: countConnections().what });
  await assert.rejects(
    walk({ status: "failed", error }),
    /^Error: Cannot list all tracked connections: Linux .* has no module nf_conntrack_netlink \(CONFIG_NF_CT_NETLINK\), which is needed for ending connections/,
  );
});

test("walkConnections() leaves an error as it is where the kernel tells of connections", async () => {
  await assert.rejects(walk(ACKNOWLEDGED), /^NetlinkError: Cannot list all tracked connections: EINVAL/);
});
