import assert from "node:assert/strict";
import { after, test } from "node:test";
import { shippedFile } from "../../lib/shipped.ts";
import { makeNetns } from "../../testing/machine/netns.ts";

const PROGRAM = [process.execPath, shippedFile("causeway.mjs").pathname, "set-ipv6-forwarding"];
const node = await makeNetns();
after(() => node.remove());

test("set-ipv6-forwarding turns it on, and lets an uplink go on to accept router advertisements", async () => {
  await node.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1");
  await node.run("ip", "link", "set", "up0", "up");
  await node.run("ip", "-6", "address", "add", "2001:db8::2/64", "dev", "up0", "nodad");
  await node.run("ip", "-6", "route", "add", "default", "via", "2001:db8::1", "dev", "up0");
  assert.match(await node.run(...PROGRAM), /^Set IPv6 forwarding: net\/ipv6\/conf\/all\/forwarding is 0\n$/);
  const settings = ["all/forwarding", "up0/accept_ra", "up1/accept_ra"];
  const read = await node.run("cat", ...settings.map((name) => `/proc/sys/net/ipv6/conf/${name}`));
  assert.deepEqual(read.trim().split("\n"), ["1", "2", "1"]);
});

test("set-ipv6-forwarding does nothing where it is on", async () => {
  assert.equal(await node.run(...PROGRAM), "");
  const { done, faults } = JSON.parse(await node.run(...PROGRAM, "--json")) as Record<string, unknown>;
  assert.deepEqual({ done, faults }, { done: [], faults: [] });
});

test("set-ipv6-forwarding says what to set where it may not", async () => {
  await node.run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=0", "net.ipv6.conf.up0.accept_ra=1");
  const readOnly = 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"';
  await assert.rejects(
    node.run("unshare", "--mount", "sh", "-c", readOnly, "sh", ...PROGRAM),
    /exit 1: causeway: IPv6 forwarding is off .*sysctl -w net.ipv6.conf.up0.accept_ra=2 && sysctl -w net.ipv6.conf.all.forwarding=1/,
  );
});
