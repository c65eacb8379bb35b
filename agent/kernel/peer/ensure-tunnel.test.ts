import assert from "node:assert/strict";
import { test } from "node:test";
import { ACKNOWLEDGED, type NetlinkRequest, type Outcome } from "../../netlink/message/message.ts";
import { NetlinkError } from "../../netlink/message/netlink-error.ts";
import { noRoutes } from "../../plan/peers/count-routes.ts";
import type { PeersPlan } from "../../plan/peers/peers.ts";
import { createPeers } from "./ensure-peers.ts";
import { ensureTunnel } from "./ensure-tunnel.ts";
import { cidrOf } from "../../net/cidr.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

const ENODEV = 19;
const EOPNOTSUPP = 95;

const OVERLAY = {
  kind: "overlay",
  source: "10.244.1.1",
  underlay: 4,
  remote: "203.0.113.7",
  fault: undefined,
} as const;

const PLAN = {
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

/** A kernel that has no such link, and refuses to make one; what else is asked is done. */
function refusing(errno: number, made: string[] = []): NetlinkClient {
  const refuse = ({ what }: NetlinkRequest): Outcome => {
    if (!what.startsWith("get ")) made.push(what);
    if (what.startsWith("add route")) return ACKNOWLEDGED;
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
  await assert.rejects(
    ensureTunnel({ rtnetlink: kernel, generic: kernel }, PLAN),
    /^VxlanMissingError: Cannot create VXLAN device "cw-vx": Linux .* has no module vxlan \(CONFIG_VXLAN\), which is needed for nodes on other subnets.*; without it, set --overlay never$/,
  );
});

test("ensurePeers() makes direct routes on a kernel without VXLAN, says why others are missing, and tries again", async () => {
  const made: string[] = [];
  const kernel = refusing(EOPNOTSUPP, made);
  const ensure = createPeers({ rtnetlink: kernel, generic: kernel }).ensure;
  const destination = cidrOf("10.244.2.0", 24);
  const plan: PeersPlan = {
    routes: new Map([
      ["10.244.2.0/24", { kind: "direct", destination, gateway: "192.0.2.11", linkIndex: 2 }],
      ["10.244.3.0/24", { ...OVERLAY, destination: cidrOf("10.244.3.0", 24) }],
    ]),
    held: new Set(),
    tunnels: [PLAN],
    tunnelNames: [],
    podCidrs: noRoutes(),
    nodes: noRoutes(),
    problems: [],
    inClear: new Map(),
    encrypted: [],
  };
  for (const verify of [true, false]) {
    const { noOverlay, refusals } = await ensure(plan, { prune: true, verify });
    assert.match(noOverlay ?? "", /no module vxlan/);
    assert.deepEqual(refusals, []);
  }
  const route = "add route 10.244.2.0/24 via 192.0.2.11";
  assert.deepEqual(made, ['create VXLAN device "cw-vx"', route, 'create VXLAN device "cw-vx"', route]);
});
