import type { NodePlan } from "../../plan/node/node-network.ts";
import type { Kernel } from "../kernel.ts";
import { diffBridge, ensureBridge } from "../node/ensure-bridge.ts";
import type { LocalnetOutcome } from "../node/localnet.ts";
import type { NodeOutcome } from "../types.ts";
import { ensureIpv6Forwarding, ignoreRouters, procSysctls } from "../uplink/ipv6-forwarding.ts";
import { ensureForwarding } from "../uplink/underlay.ts";
import type { LinuxContext } from "./context.ts";

export interface NodeInput extends LinuxContext {
  /** Hears why host ports do not answer on 127.0.0.1, once. */
  readonly onError: (error: unknown) => void;
}

/** Makes the node's own network as planned: the bridge, and what it forwards. */
export function createNode(input: NodeInput): Pick<Kernel, "ensureNode"> {
  const { rtnetlink, bridge, hostLinks } = input;
  let lastFault: string | undefined;

  const openLocalnet = async (link: LocalnetOutcome["bridge"]): Promise<LocalnetOutcome> => {
    const context = { rtnetlink, xfrm: input.xfrm, bridge: link };
    const outcome = await input.localnet.ensure(context, input.nftables.hostPorts(), { verify: true });
    if (outcome.fault !== undefined && outcome.fault !== lastFault) input.onError(new Error(outcome.fault));
    lastFault = outcome.fault;
    return outcome;
  };
  return {
    async ensureNode(plan) {
      const ensured = await ensureBridge(rtnetlink, plan, hostLinks.list);
      const localnet = await openLocalnet(ensured.link);
      bridge.link = localnet.bridge;
      await ignoreRouters(procSysctls, plan.bridge);
      const left = Object.keys(diffBridge(plan, bridge.link));
      const forwarding = await ensureAllForwarding(rtnetlink, plan);
      return {
        changes: [...ensured.changes, ...localnet.changes, ...forwarding.changes],
        faults: [
          ...(left.length === 0 ? [] : [`bridge "${plan.bridge}" does not keep its ${left.join(", ")}`]),
          ...forwarding.faults,
        ],
      };
    },
  };
}

async function ensureAllForwarding(
  rtnetlink: LinuxContext["rtnetlink"],
  { uplinks, families }: Pick<NodePlan, "uplinks" | "families">,
): Promise<NodeOutcome> {
  const opened = (await ensureForwarding(rtnetlink, uplinks)).map((name) => ({
    kind: "forwarding" as const,
    fault: `link "${name}" did not forward, or accepted redirects`,
  }));
  if (!families.includes(6)) return { changes: opened, faults: [] };
  const ipv6 = await ensureIpv6Forwarding(procSysctls, uplinks);
  return { changes: [...opened, ...ipv6.changes], faults: ipv6.faults };
}
