import type { PortBinding } from "../../plan/pods/host-ports.ts";
import { defaultRoutes } from "../../plan/pods/pod-routing.ts";
import { NO_SETTINGS } from "../../plan/pods/pod-settings.ts";
import type { SourceBinding } from "../../plan/pods/sources.ts";
import type { Kernel } from "../kernel.ts";
import { attachPod } from "../pod/attach-pod.ts";
import { checkPod } from "../pod/check-pod.ts";
import { createDetacher, type Detacher } from "../pod/detach-pods.ts";
import { createPodEncoder } from "../pod/pod-batches.ts";
import { attachmentOf, listPodLinks } from "../pod/pod-links.ts";
import type { AttachOutcome, ObservedAttachment } from "../types.ts";
import type { LinuxContext } from "./context.ts";

export type PodMethods = Pick<
  Kernel,
  "attachPod" | "checkPod" | "detachPod" | "listAttachments" | "listPodLinks" | "adoptPods"
>;

export interface PodsInput extends LinuxContext {
  /** Whether a pod may ask to send from any address. */
  readonly allowSourceSpoofing: boolean;
}

/** What is done with the attachments of pods. */
export function createPods(input: PodsInput): PodMethods {
  const { rtnetlink, bridge, hostLinks, nftables, allowSourceSpoofing } = input;
  const encodePod = createPodEncoder();
  const detacher = createPodDetacher(input);
  /** What an attachment may send from. */
  const sourcesOf = (attachment: ObservedAttachment): SourceBinding => {
    const { hostLink, addresses, mac, settings = NO_SETTINGS } = attachment;
    return { hostLink, addresses, mac, anySource: settings.anySource && allowSourceSpoofing };
  };
  return {
    async attachPod(plan, sockets, clusterCidrs = () => [], { earlyReply, joinedChanges } = {}) {
      if (bridge.link === undefined)
        throw new Error(`Cannot attach "${plan.host.link}": the node has no bridge yet`);
      const context = {
        rtnetlink,
        bridgeIndex: bridge.link.index,
        hasIpv6: bridge.link.addrGenMode !== undefined,
        nextLinkIndex: hostLinks.nextIndex,
        encodePod,
        clusterCidrs,
        // Host ports come after all that.
        earlyReply: plan.attachment.settings.hostPorts.length === 0 ? earlyReply : undefined,
      };
      const sources = sourcesOf({ hostLink: plan.host.link, mac: plan.pod.mac, ...plan.attachment });
      const isFast = isFastPod(plan.attachment);
      const outcome = await nftables.admit<AttachOutcome>({ sources, isFast, joinedChanges }, (admission) =>
        attachPod({ ...context, admission }, plan, sockets),
      );
      const binding = bindingOf({ hostLink: plan.host.link, ...plan.attachment });
      if (typeof outcome === "string" || binding === undefined) return outcome;
      await openHostPorts(input, detacher, binding);
      return outcome;
    },
    async checkPod(plan, { rtnetlink: socket }, routes = defaultRoutes(plan.pod.addresses)) {
      if (bridge.link === undefined) return ["the node has no bridge yet"];
      return checkPod({ rtnetlink, bridgeIndex: bridge.link.index, socket, routes }, plan);
    },
    detachPod: (hostLink, known = {}) => detacher.detach(hostLink, known),
    listAttachments: async () => (await hostLinks.list()).flatMap((link) => attachmentOf(link) ?? []),
    listPodLinks: async () => listPodLinks(rtnetlink, await hostLinks.list()),
    adoptPods: (attachments) =>
      nftables.adoptPods(
        attachments.map((attachment) => ({
          hostLink: attachment.hostLink,
          sources: sourcesOf(attachment),
          ports: bindingOf(attachment),
          isFast: isFastPod(attachment),
        })),
      ),
  };
}

function createPodDetacher({ rtnetlink, bridge, nftables, connections }: LinuxContext): Detacher {
  return createDetacher({
    rtnetlink,
    bridge: () => bridge.link,
    async removeElements(hostLinks) {
      const removed = await nftables.removePods(hostLinks);
      if (removed.length > 0) connections.removed(removed);
    },
  });
}

/** Maps the host ports of an attachment that was just made to it; after a failure the attachment is gone. */
async function openHostPorts(
  { rtnetlink, xfrm, bridge, nftables, connections, localnet }: LinuxContext,
  detacher: Detacher,
  binding: PortBinding,
): Promise<void> {
  try {
    if (bridge.link !== undefined) {
      const ports = [...nftables.hostPorts(), binding];
      const context = { rtnetlink, xfrm, bridge: bridge.link };
      bridge.link = (await localnet.ensure(context, ports, { verify: false })).bridge;
    }
    await nftables.addHostPorts(binding);
  } catch (error) {
    await detacher.detach(binding.hostLink, {});
    throw error;
  }
  connections.added([binding]);
}

/** What a pod with limits sends meets all that is in front of them. */
function isFastPod({ settings = NO_SETTINGS }: Pick<ObservedAttachment, "settings">): boolean {
  const { ingress, egress } = settings.bandwidth;
  return ingress === undefined && egress === undefined;
}

/** The host ports of an attachment; undefined when it has none. */
function bindingOf(attachment: ObservedAttachment): PortBinding | undefined {
  const { hostLink, containerId, addresses, settings = NO_SETTINGS } = attachment;
  const { hostPorts } = settings;
  return hostPorts.length === 0 ? undefined : { hostLink, containerId, addresses, hostPorts };
}
