import { hostLinkName } from "../../net/host-link.ts";
import type { CommandsContext, RequestOf } from "./context.ts";

/** Needs neither namespace nor prevResult, succeeds for what is unknown, and may be repeated. */
export async function del(context: CommandsContext, request: RequestOf<"DEL">): Promise<string> {
  await detach(context, hostLinkName(request.containerId, request.ifname));
  return "";
}

/** Deletes one attachment from the kernel, with what policies say of it, then from the table. */
export async function detach(
  { kernel, attachments, policies, nowMs }: CommandsContext,
  hostLink: string,
): Promise<void> {
  await attachments.changing(hostLink, async () => {
    await kernel.detachPod(hostLink, attachments.get(hostLink));
    await policies.release(hostLink);
  });
  // Only now: an address whose link still exists, or that policies still know as this pod's, must not be
  // given to another pod.
  attachments.remove(hostLink, nowMs());
}
