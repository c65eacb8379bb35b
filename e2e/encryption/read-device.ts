/**
 * Prints the state of a WireGuard device of this network namespace as JSON; null without one.
 * usage: node read-device.ts NAME
 */
import { openLinuxKernel } from "../../agent/kernel/linux-kernel.ts";
import { loadNative } from "../../agent/kernel/socket/native.ts";
import { systemClock } from "../../agent/lib/clock.ts";

const kernel = openLinuxKernel(loadNative(), { after: systemClock.after, onError: console.error });
console.log(JSON.stringify((await kernel.wireguard.read(process.argv[2] ?? "")) ?? null));
kernel.close();
