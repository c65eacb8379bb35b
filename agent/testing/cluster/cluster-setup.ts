import type { Change } from "../../kernel/types.ts";
import { createReadiness } from "../../lib/readiness.ts";
import type { Cidr } from "../../net/cidr.ts";
import type { Ruleset } from "../../plan/nft/nft-table.ts";
import { NO_SURROUNDINGS } from "../../plan/node/surroundings.ts";
import type { UnderlayRoute } from "../../plan/node/underlay.ts";
import type { ClusterMember, NodeKeys } from "../../plan/peers/claim.ts";
import type { OverlayMode } from "../../plan/peers/peer-routes.ts";
import type { PeersPlan } from "../../plan/peers/peers.ts";
import type { EncryptionSettings } from "../../reconcile/cluster/cluster-encryption.ts";
import { createClusterReconciler } from "../../reconcile/cluster.ts";
import { createSettleClaims } from "../../reconcile/settle-claims.ts";
import { cidr } from "../cidr.ts";
import { createFakeClock } from "../fake-clock.ts";
import { createFakeWireGuard } from "./fake-wireguard.ts";
import { silentLog } from "../silent-log.ts";

export function node(name: string, address: string, ...podCIDRs: readonly string[]): ClusterMember {
  return { name, createdMs: 1, addresses: [address], podCIDRs };
}

export const OWN = node("own", "192.0.2.10", "10.244.1.0/24");
export const NEAR = node("near", "192.0.2.11", "10.244.2.0/24");
export const FAR = node("far", "203.0.113.7", "10.244.3.0/24");

const SEGMENT = { kind: "segment", links: [2] } as const;
const NOWHERE = { kind: "none", links: [], fault: "the kernel has no route to it (ENETUNREACH)" } as const;

function routeTo(address: string): UnderlayRoute {
  return address.startsWith("192.0.2.") ? SEGMENT : NOWHERE;
}

export function view(isComplete: boolean, ...nodes: readonly ClusterMember[]): ClusterView {
  return { nodes: new Map(nodes.map((member) => [member.name, member])), isComplete };
}

export interface ClusterView {
  readonly nodes: ReadonlyMap<string, ClusterMember>;
  readonly isComplete: boolean;
}

export const IN_CLEAR: EncryptionSettings = { type: "none", require: false, port: 51_820, rotateAfter: 0 };

/** Settings of the agent that tests of the cluster do not vary. */
export const CLUSTER_SETTINGS = {
  bridge: "cw0",
  vxlanDevice: "cw-vx",
  vxlanVni: 4096,
  vxlanPort: 4789,
  vxlanTxChecksum: true,
  masquerade: [4, 6],
  masqueradeRandomPorts: true,
  clusterCIDRs: [],
  fastPath: "off",
  policy: { enabled: true, toOwnNode: "enforce", markBit: 29 },
} as const;

/** A reconciler over a kernel that notes what it is told, and answers what the test wants. */
export function setUp(
  overlay: OverlayMode = "never",
  encryption: EncryptionSettings = IN_CLEAR,
  clusterCIDRs: readonly Cidr[] = [],
) {
  const seen: { plan: PeersPlan; prune: boolean; verify: boolean }[] = [];
  const rulesets: Ruleset[] = [];
  const published: (NodeKeys | undefined)[] = [];
  const told = { repairs: [] as string[], notes: [] as string[], refusals: [] as string[] };
  const clock = createFakeClock();
  const setup = {
    seen,
    rulesets,
    published,
    wireguard: createFakeWireGuard(clock.nowMs),
    clock,
    handshakes: 0,
    ...told,
    view: view(true, OWN, NEAR, FAR),
    addresses: OWN.addresses,
    changes: [] as Change[],
    kernelRefusals: [] as string[],
    noOverlay: undefined as string | undefined,
    rulesetFault: undefined as Error | undefined,
    rulesetErrors: 0,
    fastPathFault: undefined as string | undefined,
    hear: (_what: "ruleset" | "routes"): unknown => undefined,
    ownRefusals: 0,
    readiness: createReadiness(() => undefined),
  };
  const reconciler = createClusterReconciler({
    kernel: {
      wireguard: setup.wireguard,
      ensurePeers(plan, options) {
        seen.push({ plan, ...options });
        setup.hear("routes");
        const { changes, kernelRefusals: refusals, noOverlay } = setup;
        return Promise.resolve({ changes, conflicts: [], refusals, noOverlay });
      },
      findMissingFeatures: () => Promise.resolve([]),
      findFastPathFault: () => Promise.resolve(setup.fastPathFault),
      listPeers: () => Promise.resolve([{ destination: cidr("10.244.77.0/24"), node: "203.0.113.77" }]),
      ensureRuleset(ruleset) {
        rulesets.push(ruleset);
        setup.hear("ruleset");
        return setup.rulesetFault === undefined ? Promise.resolve([]) : Promise.reject(setup.rulesetFault);
      },
    },
    readiness: setup.readiness,
    log: silentLog,
    nodeName: "own",
    ...CLUSTER_SETTINGS,
    clusterCIDRs,
    overlay,
    nonMasqueradeCIDRs: [cidr("172.16.0.0/12")],
    encryption,
    publishKey: (key) => published.push(key),
    publishedKey: () => setup.view.nodes.get("own")?.wireguard,
    clock,
    nowSeconds: () => clock.nowMs() / 1000,
    onHandshake: () => setup.handshakes++,
    isComplete: () => setup.view.isComplete,
    settleClaims: createSettleClaims({
      nodeName: "own",
      clusterCIDRs,
      nodes: () => setup.view.nodes.values(),
      apiServer: () => undefined,
    }),
    local: () => ({
      addresses: setup.addresses,
      podCidrs: [cidr("10.244.1.0/24")],
      formerCidrs: [],
      underlay: {
        uplinks: [{ name: "up0", mtu: 1500 }],
        routes: new Map(
          [...setup.view.nodes.values()].flatMap(({ addresses: [address = ""] }) => [
            [address, routeTo(address)],
          ]),
        ),
        addresses: new Map([["192.0.2.10", 1500]]),
        serviceAddresses: [],
        vrfAddresses: [],
        surroundings: NO_SURROUNDINGS,
      },
    }),
    onRepair: (kind) => told.repairs.push(kind),
    onRulesetError: () => setup.rulesetErrors++,
    onProblem: (note) => told.notes.push(note),
    onRefusal: (note) => told.refusals.push(note),
    onOwnRefusal: () => setup.ownRefusals++,
  });
  return Object.assign(setup, {
    run: (verify = false) => reconciler.run({ verify }),
    counts: () => reconciler.counts(),
    keys: reconciler.keys,
    problems: () => reconciler.problems(),
    stop: reconciler.stop,
  });
}

export const routed = ({ plan }: { plan: PeersPlan }): string[] => [...plan.routes.keys()];

/** Elements of a set by its name; undefined where there is no such set. */
export function elementsOf(ruleset: Ruleset | undefined, name: string): readonly string[] | undefined {
  return ruleset?.[0]?.sets.find((set) => set.name === name)?.elements;
}
