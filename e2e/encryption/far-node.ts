/**
 * Makes a device and its peers in another network namespace than that of the test, and prints the device's
 * public key.
 * usage: node far-node.ts PLAN PEERS   both JSON; PEERS: pairs of name and peer
 */
import type { WireGuardDevicePlan, WireGuardPeerPlan } from "../../agent/plan/encryption/wireguard.ts";
import { openLinuxKernel } from "../../agent/kernel/linux-kernel.ts";
import { loadNative } from "../../agent/kernel/socket/native.ts";
import { systemClock } from "../../agent/lib/clock.ts";

const [plan = "", peers = ""] = process.argv.slice(2);
const device = JSON.parse(plan) as WireGuardDevicePlan;
const kernel = openLinuxKernel(loadNative(), { after: systemClock.after, onError: console.error });
const { publicKey } = await kernel.wireguard.ensureDevice(device);
const planned = new Map(JSON.parse(peers) as readonly (readonly [string, WireGuardPeerPlan])[]);
await kernel.wireguard.ensurePeers(device.name, planned, { prune: true, verify: true });
console.log(publicKey);
kernel.close();
