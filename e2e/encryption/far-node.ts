/**
 * Makes a device and its peers in another network namespace than that of the test, and prints the device's
 * public key.
 * usage: node far-node.ts PLAN PEERS [KEY]   both JSON; PEERS: pairs of name and peer; KEY: private, stolen
 */
import { NETLINK_GENERIC } from "../../agent/netlink/generic/generic-family.ts";
import { setDevice } from "../../agent/netlink/wireguard/set-device.ts";
import type { WireGuardDevicePlan, WireGuardPeerPlan } from "../../agent/plan/encryption/wireguard.ts";
import { openLinuxKernel } from "../../agent/kernel/linux-kernel.ts";
import { createNetlinkClient } from "../../agent/kernel/socket/netlink-client.ts";
import { loadNative } from "../../agent/kernel/socket/native.ts";
import { requireFamily } from "../../agent/kernel/wireguard/read-device.ts";
import { systemClock } from "../../agent/lib/clock.ts";

const [plan = "", peers = "", key] = process.argv.slice(2);
const device = JSON.parse(plan) as WireGuardDevicePlan;
const kernel = openLinuxKernel(loadNative(), { after: systemClock.after, onError: console.error });
const { publicKey } = await kernel.wireguard.ensureDevice(device);
if (key !== undefined) {
  const generic = createNetlinkClient(loadNative(), NETLINK_GENERIC);
  const family = await requireFamily(generic, "use a stolen key");
  const privateKey = Buffer.from(key, "base64");
  await generic.execute([{ requests: [setDevice({ family, name: device.name }, { privateKey })] }]);
  generic.close();
}
const planned = new Map(JSON.parse(peers) as readonly (readonly [string, WireGuardPeerPlan])[]);
await kernel.wireguard.ensurePeers(device.name, planned, { prune: true, verify: true });
console.log(publicKey);
kernel.close();
