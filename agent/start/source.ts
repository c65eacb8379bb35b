import { openNodeView, type OpenedNodeView } from "../kube/nodes/open-node-view.ts";
import { EVENT_ACTIONS, type EventReason } from "../kube/self/event-reasons.ts";
import { ownNode } from "../kube/nodes/own-node.ts";
import type { OwnNode } from "../reconcile/node/own-pod-cidrs.ts";
import { createSettleClaims, type SettleClaims } from "../reconcile/settle-claims.ts";
import type { Base } from "./base.ts";
import { type Cidr, parseCidr } from "../net/cidr.ts";

/** What the cluster says: nodes, of which this is one, and who has which PodCIDR. */
export interface Source extends OpenedNodeView {
  readonly settleClaims: SettleClaims;
  /** This node for its reconciler; one without a PodCIDR is told by an Event. */
  ownNode(): OwnNode;
  /** Addresses of this node, canonical. */
  ownAddresses(): readonly string[] | undefined;
  peerAddresses(): readonly string[];
  /** Calls `changed` after each change of nodes, with whether it is about this one. To be called once. */
  onChange(changed: (isOwn: boolean) => void): void;
  /** Sends Events of one kind about this node. */
  warn(reason: EventReason): (note: string) => void;
}

export function openSource({ config, version, log, clock }: Base): Source {
  let hear: ((isOwn: boolean) => void) | undefined;
  let lastOwnNode = "";
  const opened = openNodeView({
    config,
    version,
    log,
    clock,
    onChange() {
      const own = JSON.stringify(ownNode(opened.view, config.nodeName));
      hear?.(own !== lastOwnNode);
      lastOwnNode = own;
    },
  });
  const nodes = () => opened.view.nodes();
  const warn = (reason: EventReason) => (note: string) =>
    opened.report({ type: "Warning", reason, action: EVENT_ACTIONS[reason], note });
  const reportUnassigned = warn("NoPodCIDR");
  return {
    ...opened,
    settleClaims: createSettleClaims({
      ...config,
      nodes: () => nodes().values(),
      apiServer: () => opened.apiServer(),
    }),
    ownNode() {
      const state = ownNode(opened.view, config.nodeName);
      if (state.kind === "unassigned") reportUnassigned(state.reason);
      return describeOwnNode(state);
    },
    ownAddresses: () => nodes().get(config.nodeName)?.addresses,
    peerAddresses: () =>
      [...nodes().values()].flatMap(({ name, addresses }) => (name === config.nodeName ? [] : addresses)),
    onChange(changed) {
      hear = changed;
    },
    warn,
  };
}

function describeOwnNode(state: ReturnType<typeof ownNode>): OwnNode {
  switch (state.kind) {
    case "assigned":
      return {
        addresses: state.node.addresses,
        podCidrs: parseCidrs(state.node.podCIDRs),
        reason: undefined,
      };
    case "unassigned":
      return { addresses: state.node.addresses, podCidrs: [], reason: state.reason };
    case "unusable":
    case "unknown":
      return { addresses: [], podCidrs: [], reason: state.reason };
  }
}

/** Those that are no prefix were refused before (see `kube/nodes/project-node`). */
function parseCidrs(texts: readonly string[]): readonly Cidr[] {
  return texts.map(parseCidr).filter((cidr) => cidr !== undefined);
}
