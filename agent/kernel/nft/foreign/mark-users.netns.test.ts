/** What real rules of nft and of iptables do with connections' marks, as the kernel has them. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { NETLINK_NETFILTER } from "../../../netlink/nft/nft-generation.ts";
import { runOnHost, host } from "../../../testing/machine/netns.ts";
import { createNetlinkClient, type NetlinkClient } from "../../socket/netlink-client.ts";
import { loadNative } from "../../socket/native.ts";
import { listMarkUsers } from "./mark-users.ts";

let netfilter: NetlinkClient;

before(() => {
  netfilter = createNetlinkClient(loadNative(), NETLINK_NETFILTER);
});

after(() => netfilter.close());

const ALL = 0xffff_ffff;

for (const { rule, writes = 0, reads = 0 } of [
  { rule: "ct mark set ct mark or 0x20000000", writes: 0x2000_0000 },
  { rule: "ct mark set ct mark and 0xdfffffff", writes: 0x2000_0000 },
  { rule: "ct mark set ct mark xor 0x20000000", writes: 0x2000_0000 },
  { rule: "ct mark set ct mark and 0xffffff00 or 0x80", writes: 0xff },
  { rule: "ct mark set 0x1", writes: ALL },
  { rule: "ct mark set meta mark", writes: ALL },
  { rule: "ct mark and 0x20000000 != 0 accept", reads: 0x2000_0000 },
  { rule: "ct mark and 0xff vmap { 1 : accept, 2 : drop }", reads: 0xff },
  { rule: "ct mark 0x80 accept" },
  { rule: "meta mark set ct mark" },
  { rule: "meta mark set meta mark or 0x4000" },
  { rule: "ct state new meta mark and 0x20000000 != 0 accept" },
]) {
  test(`listMarkUsers() reads: ${rule}`, async () => {
    await runOnHost("nft", `add table inet other; add chain inet other c; add rule inet other c ${rule}`);
    const want = writes === 0 && reads === 0 ? [] : [{ chain: "inet other c", writes, reads }];
    assert.deepEqual(await listMarkUsers(netfilter), want);
    await runOnHost("nft", "delete table inet other");
  });
}

for (const { rule, writes = 0, reads = 0 } of [
  { rule: "-j CONNMARK --set-xmark 0x80/0x80", writes: 0x80 },
  { rule: "-j CONNMARK --or-mark 0x20000000", writes: 0x2000_0000 },
  { rule: "-j CONNMARK --set-mark 0x1", writes: ALL },
  { rule: "-j CONNMARK --save-mark", writes: ALL },
  { rule: "-j CONNMARK --save-mark --nfmask 0xff0000 --ctmask 0xff0000", writes: 0xff_0000 },
  { rule: "-j CONNMARK --restore-mark --mask 0x80" },
  { rule: "-m connmark --mark 0x20000000/0x20000000 -j ACCEPT", reads: 0x2000_0000 },
  { rule: "-j MARK --set-xmark 0x4000/0x4000" },
]) {
  test(`listMarkUsers() reads of iptables: ${rule}`, async () => {
    for (const program of ["iptables-nft", "ip6tables-nft"])
      await host(`${program} -t mangle -F; ${program} -t mangle -A PREROUTING ${rule}`);
    const chains = writes === 0 && reads === 0 ? [] : ["ip mangle PREROUTING", "ip6 mangle PREROUTING"];
    assert.deepEqual(
      await listMarkUsers(netfilter),
      chains.map((chain) => ({ chain, writes, reads })),
    );
  });
}

test("listMarkUsers() leaves tables of ours alone", async () => {
  await host("nft flush ruleset");
  for (const table of ["causeway", "causeway-policy"])
    await runOnHost(
      "nft",
      `add table inet ${table}; add chain inet ${table} c; add rule inet ${table} c ct mark set 1`,
    );
  assert.deepEqual(await listMarkUsers(netfilter), []);
});
