import { listSome } from "../../text/list-some.ts";
import { createReflector } from "../reflector/reflector.ts";
import type { ReflectorOptions } from "../reflector/run.ts";
import { formerKind, POLICY_GROUP } from "./kinds.ts";

export interface WatchFormerPoliciesInput
  extends Pick<ReflectorOptions<never>, "client" | "log" | "clock" | "random"> {
  readonly onChange: () => void;
}

/** Definitions of former kinds are seldom installed: nobody needs to hear of one at once. */
const ABSENT_WAIT_MS = 600_000;

const KINDS = ["AdminNetworkPolicy", "BaselineAdminNetworkPolicy"] as const;

/**
 * Notices objects of the kinds that ClusterNetworkPolicy has succeeded (v1alpha1): they are not enforced, and
 * somebody may believe that they are.
 */
export function watchFormerPolicies({ onChange, ...options }: WatchFormerPoliciesInput) {
  const followed = KINDS.map((name) => {
    const kind = formerKind(name);
    const reflector = createReflector({
      ...options,
      kind,
      scope: { path: `/apis/${POLICY_GROUP}/v1alpha1/${kind.resource}` },
      absentWaitMs: ABSENT_WAIT_MS,
      maxWaitMs: ABSENT_WAIT_MS,
      onChange: () => onChange(),
    });
    return { name, reflector };
  });
  return {
    /** A sentence for each kind that has objects. */
    notices: (): readonly string[] =>
      followed.flatMap(({ name, reflector }) => {
        const names = [...reflector.objects().keys()];
        if (names.length === 0) return [];
        const which = `${name} ${listSome(names, { max: 1, format: (key) => `"${key}"` })}`;
        return [`${which} is not enforced: write a ClusterNetworkPolicy (${POLICY_GROUP}/v1beta1) instead`];
      }),
    async close(): Promise<void> {
      await Promise.all(followed.map(({ reflector }) => reflector.close()));
    },
  };
}
