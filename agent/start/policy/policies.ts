import { openPolicySource } from "../../kube/policies/open-policy-source.ts";
import type { PolicySource } from "../../kube/policies/policy-source.ts";
import { messageOf } from "../../lib/errors.ts";
import type { KnownPods } from "../../plan/policy/advise/selects-nobody.ts";
import type { ClusterReconciler } from "../../reconcile/cluster.ts";
import type { NodeReconciler } from "../../reconcile/node.ts";
import { countPolicies } from "../../reconcile/policy/count-policies.ts";
import { createFormerPods } from "../../reconcile/policy/former-pods.ts";
import { createPolicies, type KnownNetwork, type Policies } from "../../reconcile/policy/policies.ts";
import type { Base } from "../base.ts";
import type { Source } from "../source.ts";
import { type PolicyWatch, watchPolicies } from "./watch-policies.ts";

/** Policies, and what they do to traffic. */
export interface WatchedPolicies extends Policies, Pick<PolicyWatch, "denials" | "cautions"> {
  /** What policies make of a packet; undefined where none are enforced. */
  readonly answer: PolicyWatch["answer"] | undefined;
}

const NO_POLICIES: WatchedPolicies = {
  admit: () => Promise.resolve(undefined),
  release: () => Promise.resolve(),
  adopt: () => undefined,
  setNetwork: () => undefined,
  verify: () => Promise.resolve(),
  engine: () => undefined,
  answer: undefined,
  cautions: () => undefined,
  denials: () => Promise.resolve([]),
  counts: () => countPolicies({ engine: undefined, attachments: new Map(), watches: 0 }),
  stop: () => Promise.resolve(),
};

/**
 * Opens what the configuration says; where policies are not wanted, or come from nowhere, what an agent
 * before has enforced is removed.
 */
export function openPolicies(base: Base, source: Source): WatchedPolicies {
  const { config, kernel, ipam, log, clock, metrics, repairs } = base;
  if (!config.policy.enabled || (source.client === undefined && config.objectsFile === undefined)) {
    void removePolicies(base);
    return NO_POLICIES;
  }
  let made: Policies | undefined;
  let opened: PolicySource | undefined;
  const knownPods = (): KnownPods => {
    if (opened?.isComplete() !== true) return "own";
    return config.objectsFile === undefined ? "watched" : "all";
  };
  const watch = watchPolicies(base, () => made?.engine(), knownPods);
  const policies = createPolicies({
    ...base,
    kernel: kernel.policy,
    former: createFormerPods({
      kernel: kernel.policyTraffic,
      clock,
      // The node itself has the gateways of its PodCIDRs.
      isOfPods: (address) => ![undefined, address].includes(ipam.gatewayOf(address)),
      // Before they are known there may be some.
      isNeeded: () => made?.engine()?.policies.size !== 0,
      onError: (error) =>
        log.warn({ error: messageOf(error) }, "Cannot forget connections of pods that are gone"),
    }),
    nodeName: config.nodeName,
    start: config.policy.start,
    random: Math.random,
    open(hear) {
      opened = openPolicySource({ config, client: source.client, log, clock, onChange: hear });
      return opened;
    },
    onUnread: source.warn("PolicyNotEnforced"),
    onStrangers: source.warn("PodUnknown"),
    onRepair: repairs.tell,
    onWritten: metrics.observePolicyUpdate,
    onInForce: watch.begin,
    onChanged: watch.changed,
  });
  made = policies;
  return {
    ...policies,
    answer: watch.answer,
    cautions: watch.cautions,
    denials: watch.denials,
    async stop() {
      await Promise.all([policies.stop(), opened?.close()]);
      await watch.stop();
    },
  };
}

/** Takes away what an agent has enforced; a failure is logged. */
export async function removePolicies({ kernel, log }: Pick<Base, "kernel" | "log">): Promise<void> {
  await kernel.policy.remove().catch((error: unknown) => {
    log.warn({ error: messageOf(error) }, "Cannot remove the table of network policies");
  });
}

/** What policies must know of the cluster's PodCIDRs; undefined before all nodes are known. */
export function knownNetwork(
  node: Pick<NodeReconciler, "local">,
  cluster: Pick<ClusterReconciler, "podNetwork">,
): KnownNetwork | undefined {
  const network = cluster.podNetwork();
  const local = node.local();
  if (network === undefined || local === undefined) return undefined;
  return { network, families: [...new Set(local.podCidrs.map(({ family }) => family))] };
}
