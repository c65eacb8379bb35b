import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterNode } from "./node-view.ts";
import { type OwnNode, ownNode } from "./own-node.ts";

const node: ClusterNode = {
  name: "a",
  uid: "1",
  createdMs: 0,
  addresses: ["192.0.2.1"],
  podCIDRs: ["10.244.0.0/24"],
};
const waiting = { ...node, podCIDRs: [] };

interface State {
  readonly nodes?: readonly ClusterNode[];
  readonly skipped?: Readonly<Record<string, string>>;
  readonly isComplete?: boolean;
  readonly fault?: string;
}

const cases: readonly { readonly name: string; readonly state: State; readonly want: OwnNode }[] = [
  { name: "gives the node with its PodCIDRs", state: { nodes: [node] }, want: { kind: "assigned", node } },
  {
    name: "gives the last known node while the API server is away",
    state: { nodes: [node], isComplete: true, fault: "away" },
    want: { kind: "assigned", node },
  },
  {
    name: "says what to do while there are no PodCIDRs (flannel-io/flannel#728)",
    state: { nodes: [waiting], isComplete: true },
    want: {
      kind: "unassigned",
      node: waiting,
      reason:
        'Node "a" has no PodCIDRs yet: run the controller manager with "--allocate-node-cidrs" and "--cluster-cidr", or set spec.podCIDRs',
    },
  },
  {
    name: "says why a malformed node is of no use",
    state: { skipped: { a: "spec 7 is not an object" }, isComplete: true },
    want: { kind: "unusable", reason: 'Cannot use node "a": spec 7 is not an object' },
  },
  {
    name: "suspects the name when the list has no such node",
    state: { nodes: [{ ...node, name: "b" }], isComplete: true },
    want: {
      kind: "unusable",
      reason: 'Cannot find node "a": compare "--node-name" with the names of the nodes',
    },
  },
  {
    name: "passes on why the source does not answer",
    state: { fault: "Cannot list nodes: 401 Unauthorized" },
    want: { kind: "unknown", reason: "Cannot list nodes: 401 Unauthorized" },
  },
  {
    name: "waits for the first list",
    state: {},
    want: { kind: "unknown", reason: 'Node "a" is not known yet: waiting for the first list' },
  },
];

for (const { name, state, want } of cases)
  test(`ownNode() ${name}`, () => {
    const view = {
      nodes: () => new Map((state.nodes ?? []).map((each) => [each.name, each])),
      skipped: () => new Map(Object.entries(state.skipped ?? {})),
      isComplete: () => state.isComplete ?? false,
      fault: () => state.fault,
    };
    assert.deepEqual(ownNode(view, "a"), want);
  });
