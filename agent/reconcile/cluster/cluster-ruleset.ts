import type { Kernel } from "../../kernel/kernel.ts";
import type { Change } from "../../kernel/types.ts";
import type { Readiness } from "../../lib/readiness.ts";
import { rememberLast } from "../../lib/remember-last.ts";
import type { Family } from "../../net/address.ts";
import { type RangedCidr, withRange } from "../../net/address-range.ts";
import { type Cidr, formatCidr } from "../../net/cidr.ts";
import { subtractCidrs } from "../../plan/encryption/subtract-cidrs.ts";
import type { NftSet, Ruleset } from "../../plan/nft/nft-table.ts";
import type { Claims } from "../../plan/peers/cluster-claims.ts";
import { overlayNodes, type RememberedPeer } from "../../plan/peers/overlay-nodes.ts";
import type { OverlayMode } from "../../plan/peers/peer-routes.ts";
import { ownClaims, type VxlanSettings } from "../../plan/peers/peers.ts";
import { WIREGUARD_DEVICE } from "../../plan/encryption/plan-device.ts";
import type { EncryptionRulesInput } from "../../plan/rules/encryption-guard.ts";
import { createOverlayBinder } from "../../plan/rules/overlay-bindings.ts";
import type { OverlayGuardInput } from "../../plan/rules/overlay-guard.ts";
import type { FastPathInput } from "../../plan/rules/fast-path/fast-path.ts";
import { planPrefixSets, planRuleset } from "../../plan/rules/ruleset.ts";
import type { RulesetInput } from "../../plan/rules/ruleset-input.ts";
import type { ReportChanges } from "../report/report-changes.ts";
import { inSlices } from "../runner/in-slices.ts";
import { createRules } from "./rules/apply-rules.ts";
import { createFastPath, type FastPathSettings } from "./rules/fast-path.ts";
import type { EncryptionSettings } from "./cluster-encryption.ts";
import { type LocalNetwork, livePrefixes } from "./local-network.ts";

export interface ClusterRulesetInput extends VxlanSettings, Pick<FastPathSettings, "fastPath" | "policy"> {
  readonly kernel: Pick<Kernel, "ensureRuleset" | "findMissingFeatures" | "listPeers"> &
    FastPathSettings["kernel"];
  readonly readiness: Pick<Readiness, "warn">;
  readonly nodeName: string;
  readonly bridge: string;
  readonly overlay: OverlayMode;
  readonly masquerade: readonly Family[];
  readonly masqueradeRandomPorts: boolean;
  readonly nonMasqueradeCIDRs: readonly Cidr[];
  /** The space of all PodCIDRs, where it is set. */
  readonly clusterCIDRs: readonly Cidr[];
  readonly encryption: EncryptionSettings;
  readonly reportChanges: ReportChanges;
  /** The ruleset could not be applied or verified. */
  readonly onRulesetError: () => void;
}

export interface ClusterRulesetTask {
  readonly local: LocalNetwork;
  readonly claims: Claims["claims"];
  readonly tunnelNames: readonly string[];
  /** Whether packets may come out of the overlay. */
  readonly isReceiver: boolean;
  /** Whether all nodes were known when the run began. */
  readonly isComplete: boolean;
  /** Whether a kernel that lacked something is asked again. */
  readonly verify: boolean;
}

/** What a plan of the ruleset is made from. */
interface Parts extends ClusterRulesetTask {
  readonly remembered: readonly RememberedPeer[];
  readonly fastPath: FastPathInput | undefined;
  readonly lacksHostPorts: boolean;
}

/** Applies masquerade and the guards of pods and the overlay. */
export function createClusterRuleset(
  input: ClusterRulesetInput,
): (task: ClusterRulesetTask) => Promise<void> {
  const { kernel } = input;
  const applyRules = createRules(input);
  const findFastPath = createFastPath(input);
  const planOnce = rememberLast((parts: Parts) => planInSlices(input, parts));
  let applied: Ruleset | undefined;
  return async (task) => {
    const { local, claims, isReceiver, isComplete } = task;
    // Until all nodes are known, those that were routed to before a restart are of the cluster as well: their
    // traffic goes on.
    const remembered = isComplete ? [] : await kernel.listPeers();
    const fastPath = await findFastPath(local, task);
    const key = [
      livePrefixes(local).map(formatCidr),
      remembered.map(({ destination, node = "" }) => `${formatCidr(destination)}@${node}`),
      [isReceiver, local.addresses, local.underlay.serviceAddresses],
      JSON.stringify(fastPath),
    ].join(" ");
    const plan = (lacksHostPorts: boolean): Promise<Ruleset> =>
      planOnce([claims, `${lacksHostPorts} ${key}`], () => ({
        ...task,
        remembered,
        fastPath,
        lacksHostPorts,
      }));
    const { ruleset, found } = await applyRules(plan, task).catch((error: unknown) => {
      input.onRulesetError();
      throw error;
    });
    const faults = found.map((fault): Change => ({ kind: "ruleset", fault }));
    input.reportChanges(faults, { isRepair: applied === ruleset });
    applied = ruleset;
  };
}

/** Of thousands of nodes nothing else is kept waiting. */
async function planInSlices(input: ClusterRulesetInput, parts: Parts): Promise<Ruleset> {
  const { local, claims, remembered, isReceiver } = parts;
  const isOwn = ownClaims({ nodeName: input.nodeName, ownCidrs: livePrefixes(local) });
  const nodes = overlayNodes({ claims, remembered, isOwn });
  const binder = createOverlayBinder(local.addresses);
  await inSlices(isReceiver ? nodes : [], binder.add);
  const rules = rulesetInput(input, { ...parts, nodes, bindings: binder.bindings() });
  const prefixSets: NftSet[] = [];
  await inSlices(planPrefixSets(rules), (planSet) => prefixSets.push(planSet()));
  return planRuleset({ ...rules, prefixSets });
}

function rulesetInput(
  input: ClusterRulesetInput,
  parts: Parts & Pick<OverlayGuardInput, "nodes" | "bindings">,
): RulesetInput {
  const { local, claims, remembered, nodes, bindings, isReceiver, fastPath, lacksHostPorts } = parts;
  const overlay = {
    bridge: input.bridge,
    devices: parts.tunnelNames,
    port: input.vxlanPort,
    vni: input.vxlanVni,
    isReceiver,
    ownAddresses: local.addresses,
    nodes,
    bindings,
  };
  const others = [...claims.values(), ...remembered.map(({ destination }) => withRange(destination))];
  return {
    bridge: input.bridge,
    podCidrs: livePrefixes(local),
    serviceAddresses: local.underlay.serviceAddresses,
    insideCidrs: [...input.nonMasqueradeCIDRs.map(withRange), ...others],
    masquerade: { families: input.masquerade, randomPorts: input.masqueradeRandomPorts },
    overlay: input.overlay === "never" && !isReceiver ? undefined : overlay,
    encryption: encryptionOf(input, others, local),
    fastPath,
    lacksHostPorts,
  };
}

function encryptionOf(
  { encryption: { type, port, require }, clusterCIDRs }: ClusterRulesetInput,
  others: readonly RangedCidr[],
  local: LocalNetwork,
): EncryptionRulesInput | undefined {
  if (type === "none") return undefined;
  const sealed = { port, ownAddresses: local.addresses };
  if (!require) return { ...sealed, guard: undefined };
  const own = livePrefixes(local).map(withRange);
  const cidrs = subtractCidrs([...clusterCIDRs.map(withRange), ...others], own);
  return { ...sealed, guard: { device: WIREGUARD_DEVICE, cidrs } };
}
