import type { Attachments, ReloadChanges } from "../../ipam/attachments.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import type { PodAdmission } from "../policy/pod-admission.ts";

export interface ReloadInput {
  readonly kernel: Pick<Kernel, "adoptPods" | "detachPod" | "listAttachments">;
  readonly attachments: Attachments;
  readonly policies: Pick<PodAdmission, "adopt" | "release">;
  readonly nowMs: () => number;
}

/**
 * Brings the table in step with the kernel: namespaces die without a DEL, and a shim deletes links while the
 * agent is away.
 */
export async function reloadAttachments(input: ReloadInput): Promise<ReloadChanges> {
  const { kernel, attachments, policies, nowMs } = input;
  const finishReload = attachments.beginReload();
  const observed = await kernel.listAttachments();
  const changes = finishReload(
    new Map(observed.map(({ hostLink, ...attachment }) => [hostLink, attachment])),
  );
  const adopted = new Set(changes.adopted);
  const adoptedPods = observed.filter(({ hostLink }) => adopted.has(hostLink));
  await kernel.adoptPods(adoptedPods);
  policies.adopt(adoptedPods.map((pod) => [pod.hostLink, pod]));
  for (const { hostLink, attachment } of changes.vanished) {
    await kernel.detachPod(hostLink, attachment);
    await policies.release(hostLink);
    attachments.remove(hostLink, nowMs());
  }
  return changes;
}
