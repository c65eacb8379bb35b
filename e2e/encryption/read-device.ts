/**
 * Prints for each line of input, the name of a WireGuard device of this network namespace, its state as JSON
 * in a line, null without one.
 */
import { createInterface } from "node:readline";
import { openLinuxKernel } from "../../agent/kernel/linux-kernel.ts";
import { loadNative } from "../../agent/kernel/socket/native.ts";
import { systemClock } from "../../agent/lib/clock.ts";

const kernel = openLinuxKernel(loadNative(), { after: systemClock.after, onError: console.error });
for await (const name of createInterface({ input: process.stdin }))
  console.log(JSON.stringify((await kernel.wireguard.read(name)) ?? null));
kernel.close();
