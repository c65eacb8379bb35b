import assert from "node:assert/strict";
import { test } from "node:test";
import type { Link } from "../../netlink/link/parse-link.ts";
import { ensureLocalnet } from "./localnet.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

const bridge = {
  index: 7,
  name: "cw0",
  altNames: [],
  up: true,
  inetConf: { route_localnet: 0 },
} as unknown as Link;
const binding = {
  hostLink: "cwa",
  containerId: "a",
  addresses: ["10.244.1.2"],
  hostPorts: [{ protocol: "tcp" as const, hostPort: 80, containerPort: 80, hostIp: undefined }],
};

/** A kernel without NETLINK_XFRM, which must not be asked to route 127.0.0.0/8. */
function withoutXfrm(): { readonly rtnetlink: NetlinkClient; readonly xfrm: NetlinkClient } {
  const refuse = (): Promise<never> => Promise.reject(new Error("not to be asked"));
  const lacks = (): Promise<never> =>
    Promise.reject(Object.assign(new Error("Cannot open netlink socket"), { code: "EPROTONOSUPPORT" }));
  const make = (ask: () => Promise<never>): NetlinkClient => {
    return { execute: ask, tryExecute: ask, withSocket: ask, dump: ask, walk: ask, close: () => undefined };
  };
  return { rtnetlink: make(refuse), xfrm: make(lacks) };
}

test("ensureLocalnet() opens nothing on a kernel without the policies that guard the node's loopback, and says so", async () => {
  const outcome = await ensureLocalnet({ ...withoutXfrm(), bridge }, [binding], { verify: true });
  assert.equal(outcome.bridge, bridge);
  assert.match(outcome.fault ?? "", /^host ports do not answer on 127\.0\.0\.1: .* module xfrm_user/);
});

test("ensureLocalnet() has nothing to say there while no host port needs it", async () => {
  const outcome = await ensureLocalnet({ ...withoutXfrm(), bridge }, [], { verify: true });
  assert.deepEqual(outcome, { bridge, changes: [] });
});
