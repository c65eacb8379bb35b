/**
 * Gives a WireGuard device of this network namespace the key of another, and leaves that there, as an agent
 * does that is killed at this moment.
 * usage: node move-key.ts FROM TO
 */
import { openLinuxKernel } from "../../agent/kernel/linux-kernel.ts";
import { loadNative } from "../../agent/kernel/socket/native.ts";
import { systemClock } from "../../agent/lib/clock.ts";

const [from = "", to = ""] = process.argv.slice(2);
const kernel = openLinuxKernel(loadNative(), { after: systemClock.after, onError: console.error });
console.log(await kernel.wireguard.moveKey(from, to));
kernel.close();
