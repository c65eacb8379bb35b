import type { Kernel } from "../../kernel/kernel.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Readiness } from "../../lib/readiness.ts";
import { rememberLast } from "../../lib/remember-last.ts";
import { type JudgedKeys, judgeKeys } from "../../plan/encryption/judge-keys.ts";
import { planWireGuardDevice, WIREGUARD_DEVICE } from "../../plan/encryption/plan-device.ts";
import { createWireGuardPeerPlanner } from "../../plan/encryption/plan-peers.ts";
import type { WireGuardDevicePlan, WireGuardPeerPlan } from "../../plan/encryption/wireguard.ts";
import type { NodeKey } from "../../plan/peers/claim.ts";
import type { Claims } from "../../plan/peers/cluster-claims.ts";
import type { EncryptionType, PeerEncryption } from "../../plan/peers/peer-routes.ts";
import type { PeersPlan } from "../../plan/peers/peers.ts";
import type { ReportChanges } from "../report-changes.ts";
import { gatewaysOf, livePrefixes, type LocalNetwork } from "./local-network.ts";

export interface EncryptionSettings {
  readonly type: EncryptionType;
  /** Whether nothing goes between pods of different nodes in clear. */
  readonly require: boolean;
  /** UDP port of WireGuard. */
  readonly port: number;
}

export interface ClusterEncryptionInput {
  readonly kernel: {
    readonly wireguard: Pick<Kernel["wireguard"], "ensureDevice" | "ensurePeers" | "remove">;
  };
  readonly readiness: Pick<Readiness, "set" | "warn">;
  readonly nodeName: string;
  readonly encryption: EncryptionSettings;
  readonly reportChanges: ReportChanges;
  /** Whether our own Node still has a key of a time when it encrypted. */
  readonly hasPublishedKey: () => boolean;
  /** Takes what our own Node is to say; to be called again as long as it says something else. */
  readonly publishKey: (key: NodeKey | undefined) => void;
}

/** What routes are planned with. */
export interface RouteEncryption extends PeerEncryption, JudgedKeys {}

export interface EncryptionTask {
  readonly local: LocalNetwork;
  readonly claims: Claims["claims"];
  /** Whether to look at the kernel, also if nothing has changed. */
  readonly verify: boolean;
}

/** Encryption of what goes between nodes. */
export interface ClusterEncryption {
  /** Makes the device, and decides with which keys nodes are reached. Undefined: nothing is encrypted. */
  begin(task: EncryptionTask): Promise<RouteEncryption | undefined>;
  /**
   * Makes the peers of the device as planned, then tells our own key. What the device knew of before a
   * restart stays unless `prune` is set. Throws what {@link ClusterEncryption.begin} has met, too.
   */
  applyPeers(peers: PeersPlan, options: { readonly prune: boolean; readonly verify: boolean }): Promise<void>;
  /** Removes what is left of a time when this node encrypted; after the routes through it are gone. */
  clearUp(isComplete: boolean): Promise<void>;
  /** Undefined while there is none. */
  ownKey(): NodeKey | undefined;
}

interface Device {
  readonly publicKey: string;
  readonly index: number;
}

export function createClusterEncryption(input: ClusterEncryptionInput): ClusterEncryption {
  const { encryption, readiness } = input;
  const device = createDevice(input);
  const judgeOnce = rememberLast(judgeKeys);
  const ownKey = (): NodeKey | undefined => {
    const made = device.current();
    return made && { publicKey: made.publicKey, port: encryption.port };
  };
  const planPeers = createWireGuardPeerPlanner();
  let planned: ReadonlyMap<string, WireGuardPeerPlan> = new Map();
  let isCleared = false;
  return {
    ownKey,
    async begin({ local, claims, verify }) {
      if (encryption.type === "none") return undefined;
      await device.ensure(local, verify);
      const made = device.current();
      const own = made ?? { fault: device.fault() ?? "this node has no WireGuard device yet" };
      const judged = judgeOnce([claims, made?.publicKey ?? device.fault()], () => ({
        nodeName: input.nodeName,
        own,
        nodes: [...claims.values()].map(({ node }) => node),
      }));
      return { linkIndex: made?.index, isRequired: encryption.require, ...judged };
    },
    async applyPeers(plan, options) {
      const fault = device.fault();
      if (fault !== undefined) throw new Error(fault);
      if (device.current() === undefined) return;
      const peers = planPeers(plan.encrypted);
      const prune = options.prune && plan.held.size === 0;
      const isSame = isSameMap(peers, planned);
      const changes = await input.kernel.wireguard.ensurePeers(WIREGUARD_DEVICE, peers, {
        prune,
        verify: options.verify,
      });
      input.reportChanges(changes, { isRepair: isSame });
      planned = peers;
      // Who reads the key sends at once: what comes is understood from here on.
      input.publishKey(ownKey());
      readiness.warn("encryption", describeClear(plan));
    },
    async clearUp(isComplete) {
      if (encryption.type !== "none" || isCleared || !isComplete) return;
      input.publishKey(undefined);
      // Others may still send what only the device can read.
      if (input.hasPublishedKey()) return;
      await input.kernel.wireguard.remove(WIREGUARD_DEVICE);
      isCleared = true;
    },
  };
}

/** Compares by identity. */
function isSameMap<Value>(a: ReadonlyMap<string, Value>, b: ReadonlyMap<string, Value>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

/** Makes the device when there is a reason to look at it. */
function createDevice({ kernel, encryption, reportChanges }: ClusterEncryptionInput) {
  let made: Device | undefined;
  let fault: string | undefined;
  let plannedText = "";
  const ensure = async (plan: WireGuardDevicePlan): Promise<void> => {
    const text = JSON.stringify(plan);
    try {
      const { publicKey, index, changes } = await kernel.wireguard.ensureDevice(plan);
      reportChanges(changes, { isRepair: made !== undefined && text === plannedText });
      if (made?.publicKey !== publicKey || made.index !== index) made = { publicKey, index };
      fault = undefined;
      plannedText = text;
    } catch (error) {
      made = undefined;
      fault = messageOf(error);
    }
  };
  return {
    current: (): Device | undefined => made,
    /** Why there is none. */
    fault: (): string | undefined => fault,
    async ensure(local: LocalNetwork, verify: boolean): Promise<void> {
      const plan = planWireGuardDevice({
        port: encryption.port,
        ownCidrs: livePrefixes(local),
        ownGateways: gatewaysOf(local.podCidrs),
        underlay: local.underlay,
      });
      if (plan === undefined) return;
      if (verify || made === undefined || JSON.stringify(plan) !== plannedText) await ensure(plan);
    },
  };
}

/** What the operator wants encrypted and is not, in one sentence; undefined: everything is. */
function describeClear({ inClear }: PeersPlan): string | undefined {
  const [first] = inClear;
  if (first === undefined) return undefined;
  const [name, reason] = first;
  const more = inClear.size === 1 ? "" : `, and ${inClear.size - 1} more`;
  return `traffic of pods is in clear to node "${name}" (${reason})${more}`;
}
