import type { Kernel } from "../kernel/kernel.ts";
import { namesOf } from "../kernel/pod/pod-requests.ts";
import type { ObservedAttachment } from "../kernel/types.ts";
import { parseAttachment } from "../plan/pods/attachment.ts";
import { defaultRoutes } from "../plan/pods/pod-routing.ts";

/**
 * A kernel that keeps attachments in memory and refuses what the real one refuses.
 * `agent/testing/kernel-contract.ts` holds both against the same suite.
 */
export interface FakeKernel
  extends Pick<
    Kernel,
    "attachPod" | "checkPod" | "checkRuleset" | "detachPod" | "listAttachments" | "listListeners"
  > {
  /** Runs before the next attach begins, and may throw what the kernel would. */
  beforeAttach: () => Promise<void>;
  /** Deletes a pod's namespace: its links go with it. */
  removeNetns(netns: number): void;
}

interface Veth {
  readonly netns: number;
  readonly ifname: string;
  readonly attachment: ObservedAttachment;
}

export function createFakeKernel(): FakeKernel {
  const veths = new Map<string, Veth>();
  const fake: FakeKernel = {
    beforeAttach: () => Promise.resolve(),
    async attachPod({ host, pod }, { netns }) {
      await fake.beforeAttach();
      if (veths.has(host.link)) return "host link exists";
      if ([...veths.values()].some((veth) => veth.netns === netns && veth.ifname === pod.ifname)) {
        return "pod interface exists";
      }
      const { link: name, alias } = host;
      const attachment = parseAttachment({ name, alias, altNames: namesOf(host) });
      if (attachment === undefined) throw new Error(`alias "${host.alias}" is not ours`);
      veths.set(host.link, {
        netns,
        ifname: pod.ifname,
        attachment: { hostLink: host.link, ...attachment, mac: pod.mac },
      });
      return { routes: defaultRoutes(pod.addresses) };
    },
    detachPod: (hostLink) => Promise.resolve(veths.delete(hostLink) ? "detached" : "gone"),
    checkPod({ host, pod }) {
      if (!veths.has(host.link)) return Promise.resolve([`host link "${host.link}" is missing`]);
      return Promise.resolve(
        veths.get(host.link)?.ifname === pod.ifname ? [] : [`pod interface "${pod.ifname}" is missing`],
      );
    },
    listListeners: () => Promise.resolve([]),
    checkRuleset: () => Promise.resolve([]),
    listAttachments: () => Promise.resolve([...veths.values()].map(({ attachment }) => attachment)),
    removeNetns(netns) {
      for (const [hostLink, veth] of veths) if (veth.netns === netns) veths.delete(hostLink);
    },
  };
  return fake;
}
