import { metadataOf, type WatchedKind } from "../reflector/kind.ts";
import { createReflector } from "../reflector/reflector.ts";
import type { ReflectorOptions } from "../reflector/run.ts";
import { CLUSTER_POLICIES } from "./kinds.ts";

/** Knows whether the server has ClusterNetworkPolicies at all, without asking again and again. */
export interface ClusterPolicyDefinition {
  /** Whether it certainly has none. What is not known, or may not be asked for, is not missing. */
  isMissing(): boolean;
  close(): Promise<void>;
}

/** Changes with the served versions, not with the status. */
interface Definition {
  readonly generation: unknown;
}

const DEFINITIONS: WatchedKind<Definition> = {
  kind: "CustomResourceDefinition",
  resource: "customresourcedefinitions",
  group: "apiextensions.k8s.io",
  noun: "definition",
  isMetadataOnly: true,
  mayBeAbsent: true,
  project: (raw) => ({ kind: "usable", object: { generation: metadataOf(raw)["generation"] } }),
  isSame: (a, b) => a.generation === b.generation,
};

const NAME = `${CLUSTER_POLICIES.resource}.${CLUSTER_POLICIES.group}`;

/** An account that may not ask for it is not asked again by thousands of agents every few seconds. */
const MAX_WAIT_MS = 300_000;

/** Watches the one CustomResourceDefinition. `onChange`: it came or went, or has other versions. */
export function watchClusterPolicyDefinition(
  options: Pick<ReflectorOptions<never>, "client" | "log" | "clock" | "random"> & {
    readonly onChange: () => void;
  },
): ClusterPolicyDefinition {
  const reflector = createReflector({
    ...options,
    kind: DEFINITIONS,
    scope: {
      path: `/apis/${DEFINITIONS.group}/v1/${DEFINITIONS.resource}`,
      fieldSelector: `metadata.name=${NAME}`,
    },
    title: `CustomResourceDefinition "${NAME}"`,
    consequence: "ClusterNetworkPolicies that are installed later are noticed after some minutes",
    maxWaitMs: MAX_WAIT_MS,
    absentWaitMs: MAX_WAIT_MS,
    onChange: () => options.onChange(),
  });
  return {
    isMissing: () => reflector.isComplete() && !reflector.isAbsent() && reflector.objects().size === 0,
    close: () => reflector.close(),
  };
}
