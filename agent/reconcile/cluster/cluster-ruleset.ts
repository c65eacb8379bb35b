import type { Kernel } from "../../kernel/kernel.ts";
import type { Change } from "../../kernel/types.ts";
import type { Readiness } from "../../lib/readiness.ts";
import { rememberLast } from "../../lib/remember-last.ts";
import type { Family } from "../../net/address.ts";
import { type Cidr, formatCidr } from "../../net/cidr.ts";
import { subtractCidrs } from "../../plan/encryption/subtract-cidrs.ts";
import type { Ruleset } from "../../plan/nft/nft-table.ts";
import type { Claims } from "../../plan/peers/cluster-claims.ts";
import { type OverlayNode, overlayNodes, type RememberedPeer } from "../../plan/peers/overlay-nodes.ts";
import type { OverlayMode } from "../../plan/peers/peer-routes.ts";
import { ownClaims, type VxlanSettings } from "../../plan/peers/peers.ts";
import { WIREGUARD_DEVICE } from "../../plan/encryption/plan-device.ts";
import type { EncryptionRulesInput } from "../../plan/rules/encryption-guard.ts";
import {
  createOverlayBinder,
  type OverlayBindings,
  type OverlayBindingsInput,
} from "../../plan/rules/overlay-bindings.ts";
import type { FastPathInput } from "../../plan/rules/fast-path/fast-path.ts";
import { planRuleset } from "../../plan/rules/ruleset.ts";
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
  readonly nodes: readonly OverlayNode[];
  readonly bindings: OverlayBindings;
  readonly fastPath: FastPathInput | undefined;
}

/** Applies masquerade and the guards of pods and the overlay. */
export function createClusterRuleset(
  input: ClusterRulesetInput,
): (task: ClusterRulesetTask) => Promise<void> {
  const { kernel, nodeName } = input;
  const applyRules = createRules(input);
  const findFastPath = createFastPath(input);
  const planOnce = rememberLast(planRuleset);
  const bindOnce = rememberLast(bindInSlices);
  let applied: Ruleset | undefined;
  return async (task) => {
    const { local, claims, isReceiver, isComplete } = task;
    const podCidrs = livePrefixes(local);
    // Until all nodes are known, those that were routed to before a restart are of the cluster as well: their
    // traffic goes on.
    const remembered = isComplete ? [] : await kernel.listPeers();
    const nodes = overlayNodes({ claims, remembered, isOwn: ownClaims({ nodeName, ownCidrs: podCidrs }) });
    const fastPath = await findFastPath(local, task);
    const key = [
      podCidrs.map(formatCidr),
      remembered.map(({ destination, node = "" }) => `${formatCidr(destination)}@${node}`),
      [isReceiver, local.addresses, local.underlay.serviceAddresses],
      JSON.stringify(fastPath),
    ].join(" ");
    const bindings = await bindOnce([claims, key], () => {
      return { ownAddresses: local.addresses, nodes: isReceiver ? nodes : [] };
    });
    const plan = (lacksHostPorts: boolean): Ruleset =>
      planOnce([claims, `${lacksHostPorts} ${key}`], () => {
        return { ...rulesetInput(input, { ...task, remembered, nodes, bindings, fastPath }), lacksHostPorts };
      });
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
async function bindInSlices({ ownAddresses, nodes }: OverlayBindingsInput): Promise<OverlayBindings> {
  const binder = createOverlayBinder(ownAddresses);
  await inSlices(nodes, binder.add);
  return binder.bindings();
}

function rulesetInput(input: ClusterRulesetInput, parts: Parts): Parameters<typeof planRuleset>[0] {
  const { local, claims, remembered, nodes, bindings, isReceiver, fastPath } = parts;
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
  const others = [
    ...[...claims.values()].map(({ cidr }) => cidr),
    ...remembered.map(({ destination }) => destination),
  ];
  return {
    bridge: input.bridge,
    podCidrs: livePrefixes(local),
    serviceAddresses: local.underlay.serviceAddresses,
    insideCidrs: [...input.nonMasqueradeCIDRs, ...others],
    masquerade: { families: input.masquerade, randomPorts: input.masqueradeRandomPorts },
    overlay: input.overlay === "never" && !isReceiver ? undefined : overlay,
    encryption: encryptionOf(input, others, local),
    fastPath,
  };
}

function encryptionOf(
  { encryption: { type, port, require }, clusterCIDRs }: ClusterRulesetInput,
  others: readonly Cidr[],
  local: LocalNetwork,
): EncryptionRulesInput | undefined {
  if (type === "none") return undefined;
  const cidrs = require ? subtractCidrs([...clusterCIDRs, ...others], livePrefixes(local)) : [];
  const guard = require ? { device: WIREGUARD_DEVICE, cidrs } : undefined;
  return { port, ownAddresses: local.addresses, guard };
}
