import type { Join } from "../../kernel/policy/policy-kernel.ts";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import { type Attachment, describePod } from "../../plan/pods/attachment.ts";
import type { PodIdentity } from "../../plan/pods/names/pod-identity.ts";
import type { ObjectChange } from "../../plan/policy/state/objects/object-change.ts";
import type { PolicyEngine } from "../../plan/policy/state/policy-engine.ts";
import type { FormerPods } from "./former-pods.ts";
import type { PolicyQueue } from "./policy-queue.ts";

export interface PodAdmissionInput {
  readonly queue: Pick<PolicyQueue, "commit" | "gather" | "isOpen">;
  /** Undefined before it begins. */
  readonly engine: () => Pick<PolicyEngine, "concerns" | "knows"> | undefined;
  readonly former: Pick<FormerPods, "held" | "gone" | "forgotten" | "look">;
  readonly clock: Clock;
  /** Whether pods may start before policies are known. */
  readonly start: "open" | "closed";
  /** Why policies are not known yet. */
  readonly reason: () => string;
  /** Hears of a pod that starts isolated, as nobody knows its labels. */
  readonly onStranger: (title: string) => void;
}

/** What attachments mean to policies, by host link. Those of no Kubernetes pod have none. */
export interface PodAdmission {
  /**
   * Before the pod's link can send: resolves when the kernel has what policies say of it; with a sentence
   * when the pod must not start. One whose labels are not known is waited for a moment, then isolated until
   * they are. One whose labels are known may be made by `join`, with what policies say of it.
   */
  admit(hostLink: string, attachment: Attachment, join?: Join): Promise<string | undefined>;
  /**
   * After its link has gone, before its addresses are free: resolves when the kernel has nothing of the pod.
   */
  release(hostLink: string): Promise<void>;
  /** Attachments that are older than the agent, or were made by somebody else. */
  adopt(attachments: Iterable<readonly [string, Attachment]>): void;
  /** To be called whenever the kernel has what the engine knows, or the queue has opened. */
  written(): void;
  attachments(): ReadonlyMap<string, Attachment>;
}

/**
 * How long an ADD waits for policies, and for its pod's labels: runtimes wait for it, and the kubelet tries
 * again.
 */
export const PATIENCE_MS = 5000;

export function createPodAdmission(input: PodAdmissionInput): PodAdmission {
  const { queue, engine, clock, former } = input;
  const attachments = new Map<string, Attachment>();
  /** By host link, of all pods. */
  const held = new Map<string, readonly string[]>();
  const hold = (hostLink: string, { addresses }: Attachment): void => {
    held.set(hostLink, addresses);
    former.held(addresses);
  };
  const { until, look } = createPatience(clock);
  const isKnown = ({ namespace, name, uid }: PodIdentity): boolean => {
    const now = engine();
    return now === undefined || !now.concerns(namespace) || now.knows(namespace, name, uid);
  };
  return {
    attachments: () => attachments,
    async admit(hostLink, attachment, join) {
      const { pod } = attachment;
      if (pod === undefined) {
        hold(hostLink, attachment);
        return undefined;
      }
      if (input.start === "closed" && !(await until(queue.isOpen))) return input.reason();
      attachments.set(hostLink, attachment);
      const change = changeOf(hostLink, attachment);
      try {
        await former.forgotten(attachment.addresses);
        hold(hostLink, attachment);
        if (!queue.isOpen()) {
          queue.gather([change]);
          return undefined;
        }
        await queue.commit([change], isKnown(pod) ? join : undefined);
      } catch (error) {
        return `network policies cannot be enforced: ${messageOf(error)}`;
      }
      if (!(await until(() => isKnown(pod)))) input.onStranger(describePod(attachment));
      return undefined;
    },
    async release(hostLink) {
      if (attachments.delete(hostLink)) {
        const change = changeOf(hostLink, undefined);
        // What the table of an agent before says of it stays with that: until it can be read again nobody can
        // change it.
        if (queue.isOpen()) await queue.commit([change]);
        else queue.gather([change]);
      }
      former.gone(held.get(hostLink) ?? []);
      held.delete(hostLink);
    },
    adopt(adopted) {
      const all = [...adopted];
      for (const [hostLink, attachment] of all) hold(hostLink, attachment);
      const known = all.filter(([, { pod }]) => pod !== undefined);
      for (const [hostLink, attachment] of known) attachments.set(hostLink, attachment);
      queue.gather(known.map(([hostLink, attachment]) => changeOf(hostLink, attachment)));
    },
    written() {
      former.look();
      look();
    },
  };
}

interface Patience {
  /** False: it has not come true in time. */
  until(isTrue: () => boolean): Promise<boolean>;
  /** Something may have come true. */
  look(): void;
}

function createPatience(clock: Clock): Patience {
  const waiting = new Set<() => void>();
  return {
    until(isTrue) {
      if (isTrue()) return Promise.resolve(true);
      return new Promise((resolve) => {
        const cancel = clock.after(PATIENCE_MS, () => end(false));
        waiting.add(look);
        function look(): void {
          if (isTrue()) end(true);
        }
        function end(answer: boolean): void {
          cancel();
          waiting.delete(look);
          resolve(answer);
        }
      });
    },
    look() {
      for (const look of waiting) look();
    },
  };
}

function changeOf(id: string, attachment: Attachment | undefined): ObjectChange {
  const pod = attachment?.pod;
  if (attachment === undefined || pod === undefined) return { kind: "attachment", id, attachment: undefined };
  const { namespace, name, uid } = pod;
  return {
    kind: "attachment",
    id,
    attachment: { namespace, name, uid, addresses: attachment.addresses },
  };
}
