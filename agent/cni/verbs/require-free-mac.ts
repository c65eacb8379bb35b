import { BRIDGE_MAC } from "../../net/host-link.ts";
import { describePod } from "../../plan/pods/attachment.ts";
import { isDerivedMac, otherEndMac } from "../../plan/pods/pod-network.ts";
import { CNI_CODE, CniError } from "../cni-error.ts";
import type { CommandsContext } from "./context.ts";

/**
 * Where runtimes let users choose a pod's MAC, none may be what the bridge reaches somebody else by: with the
 * gateway's all pods of the node would send to that pod, with another pod's that one's packets would come to
 * it, and the kernel deletes a pod's forwarding entry when a port comes whose own end has that MAC. Nobody
 * else may be asking for it at the same time: see {@link linkOfMac}.
 */
export async function requireFreeMac(
  { kernel }: Pick<CommandsContext, "kernel">,
  mac: string,
  addresses: readonly string[],
): Promise<void> {
  const ends = [mac, otherEndMac(mac)];
  if (ends.includes(BRIDGE_MAC)) throw taken(mac, "the gateway's");
  const owner = (await kernel.listAttachments()).find((other) => other.mac && ends.includes(other.mac));
  if (owner !== undefined) throw taken(mac, `that of ${describePod(owner)}`);
  if (ends.some((end) => isDerivedMac(end, addresses)))
    throw taken(mac, "that of a pod with another address");
}

/** The same for both ends of a link. */
export function linkOfMac(mac: string): string {
  return [mac, otherEndMac(mac)].toSorted().join();
}

function taken(mac: string, whose: string): CniError {
  const message = `Cannot use MAC address ${mac}: it is ${whose}, or of the other end of that link`;
  return new CniError(CNI_CODE.invalidConfig, message);
}
