import assert from "node:assert/strict";
import { test } from "node:test";
import type { NetlinkRequest, Outcome } from "../../netlink/message/message.ts";
import { NetlinkError } from "../../netlink/message/netlink-error.ts";
import { ensureTunnel } from "./ensure-tunnel.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

const ENODEV = 19;
const EOPNOTSUPP = 95;

/** A kernel that has no such link, and refuses to make one. */
function refusing(errno: number): NetlinkClient {
  const refuse = ({ what }: NetlinkRequest): Outcome => {
    const code = what.startsWith("create") ? errno : ENODEV;
    return { status: "failed", error: new NetlinkError({ errno: code, what }) };
  };
  const tryExecute: NetlinkClient["tryExecute"] = (steps) =>
    Promise.resolve(steps.map(({ requests }) => ("bytes" in requests ? [] : requests.map(refuse))));
  return {
    tryExecute,
    async execute(steps) {
      const [outcome] = (await tryExecute(steps)).flat();
      throw outcome?.status === "failed" ? outcome.error : new Error("no request");
    },
    withSocket: () => Promise.reject(new Error("not asked")),
    dump: () => Promise.resolve([]),
    walk: () => Promise.reject(new Error("not asked")),
    close: () => undefined,
  };
}

test("ensureTunnel() names module and package on a kernel without VXLAN (flannel-io/flannel#1747)", async () => {
  const kernel = refusing(EOPNOTSUPP);
  const plan = {
    name: "cw-vx",
    underlay: 4,
    local: "192.0.2.10",
    mac: "0a:58:c0:00:02:0a",
    mtu: 1450,
    addresses: [],
    underlayMtu: 1500,
    vni: 4096,
    port: 4789,
    txChecksum: true,
  } as const;
  await assert.rejects(
    ensureTunnel({ rtnetlink: kernel, generic: kernel }, plan),
    /^Error: Cannot create VXLAN device "cw-vx": this kernel has no VXLAN; load the module "vxlan" \(on Ubuntu in the package linux-modules-extra of the running kernel\) or set --overlay never$/,
  );
});
