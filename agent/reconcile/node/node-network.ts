import type { Ipam } from "../../ipam/ipam.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import type { Change } from "../../kernel/types.ts";
import type { Cidr } from "../../net/cidr.ts";
import { planNodeNetwork } from "../../plan/node/node-network.ts";
import { planMtu } from "../../plan/peers/pod-mtu.ts";
import type { Underlay } from "../../plan/node/underlay.ts";
import type { Family } from "../../net/address.ts";
import type { EncryptionType, OverlayMode } from "../../plan/peers/peer-routes.ts";
import type { ReportChanges } from "../report/report-changes.ts";

export interface NodeNetworkInput {
  readonly kernel: Pick<Kernel, "ensureNode" | "readMtu">;
  readonly ipam: Pick<Ipam, "formerCidrs">;
  readonly bridge: string;
  /** 0 takes the uplink's. */
  readonly mtu: number;
  readonly overlay: OverlayMode;
  readonly encryption: { readonly type: EncryptionType };
  readonly reportChanges: ReportChanges;
}

export interface NodeNetworkTask {
  readonly podCidrs: readonly Cidr[];
  readonly underlay: Underlay;
  /** Undefined while nobody tells them. */
  readonly ownAddresses: readonly string[] | undefined;
}

/** Bridge, gateways and forwarding. */
export interface NodeNetwork {
  /** Makes them as planned; throws when they are not in the end. Gives what was changed. */
  apply(task: NodeNetworkTask): Promise<readonly Change[]>;
  /** As last planned. */
  mtu(): number | undefined;
  /** Families of PodCIDRs that the node has or had. */
  families(podCidrs: readonly Cidr[]): readonly Family[];
}

export function createNodeNetwork(input: NodeNetworkInput): NodeNetwork {
  const { kernel, ipam, bridge, reportChanges } = input;
  let mtu: number | undefined;
  let appliedPlan = "";
  const families = (podCidrs: readonly Cidr[]): readonly Family[] =>
    [...podCidrs, ...ipam.formerCidrs()].map(({ family }) => family);
  return {
    families,
    mtu: () => mtu,
    async apply({ podCidrs, underlay, ownAddresses }) {
      const before = mtu ?? (await kernel.readMtu(bridge));
      mtu = planMtu({
        ...input,
        encryption: input.encryption.type,
        families: families(podCidrs),
        underlay,
        ownAddresses,
        before,
      });
      const plan = planNodeNetwork({
        bridge,
        mtu,
        podCidrs,
        formerCidrs: ipam.formerCidrs(),
        uplinks: underlay.uplinks.map(({ name }) => name),
      });
      const { changes, faults } = await kernel.ensureNode(plan);
      const text = JSON.stringify(plan);
      // What pods have taught the host is no plan's.
      reportChanges(changes.filter(isLearned), { isRepair: true });
      const planned = changes.filter((change) => !isLearned(change));
      reportChanges(planned, { isRepair: text === appliedPlan });
      if (faults.length > 0) throw new Error(faults.join("; "));
      appliedPlan = text;
      return changes;
    },
  };
}

function isLearned({ kind }: Change): boolean {
  return kind === "learned route" || kind === "learned neighbour";
}
