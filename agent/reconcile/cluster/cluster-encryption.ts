import type { Kernel } from "../../kernel/kernel.ts";
import type { Readiness } from "../../lib/readiness.ts";
import { rememberLast } from "../../lib/remember-last.ts";
import { type JudgedKeys, judgeKeys } from "../../plan/encryption/judge-keys.ts";
import type { Clock } from "../../lib/clock.ts";
import { WIREGUARD_DEVICE } from "../../plan/encryption/plan-device.ts";
import { createWireGuardPeerPlanner, findSwitched } from "../../plan/encryption/plan-peers.ts";
import type { WireGuardPeerPlan } from "../../plan/encryption/wireguard.ts";
import type { NodeKey, NodeKeys } from "../../plan/peers/claim.ts";
import type { Claims } from "../../plan/peers/cluster-claims.ts";
import type { EncryptionType, PeerEncryption } from "../../plan/peers/peer-routes.ts";
import type { PeersPlan } from "../../plan/peers/peers.ts";
import { listSome } from "../../text/list-some.ts";
import { createFormerEncryption } from "./former-encryption.ts";
import { createHandshakeWatch } from "./handshake-watch.ts";
import { createSessionWatch, type SessionWatch } from "./session-watch.ts";
import {
  createKeyRotation,
  type KeyRotation,
  type KeyRotationInput,
  type OwnKey,
  type RotationReport,
  type RotationTask,
} from "./key-rotation.ts";
import type { LocalNetwork } from "./local-network.ts";
import { createOwnDevice } from "./own-device.ts";

export interface EncryptionSettings {
  readonly type: EncryptionType;
  /** Whether nothing goes between pods of different nodes in clear. */
  readonly require: boolean;
  /** UDP port of WireGuard. */
  readonly port: number;
  /** Milliseconds after which this node's key is replaced; 0: never. */
  readonly rotateAfter: number;
}

export interface ClusterEncryptionInput extends Omit<KeyRotationInput, "kernel" | "readiness" | "clock"> {
  readonly kernel: { readonly wireguard: Omit<Kernel["wireguard"], "hasDevice"> };
  readonly clock: Clock;
  readonly readiness: Pick<Readiness, "set" | "warn">;
  readonly nodeName: string;
  readonly encryption: EncryptionSettings;
  /** Takes what our own Node is to say; to be called again as long as it says something else. */
  readonly publishKey: (key: NodeKeys | undefined) => void;
  /** Hears that the kernel has something that the next run is about. */
  readonly onHandshake: () => void;
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
  /** This node's key; undefined while there is none. */
  report(): KeyReport | undefined;
  /** Asks for a new key; to be followed by a run. */
  rotateKey(): void;
  readonly rotation: Pick<KeyRotation, "fault" | "isAsked">;
  readonly sessions: Pick<SessionWatch, "look" | "unanswered">;
  /** Looks no more for handshakes. */
  stop(): void;
}

export interface KeyReport extends NodeKey {
  readonly ageMs: number;
  /** Undefined while no keys are rotated. */
  readonly rotation: RotationReport | undefined;
}

export function createClusterEncryption(input: ClusterEncryptionInput): ClusterEncryption {
  const { encryption, readiness, kernel } = input;
  const device = createOwnDevice(input);
  const judgeOnce = rememberLast(judgeKeys);
  const rotation = createKeyRotation(input);
  const watch = createHandshakeWatch({ ...input, read: kernel.wireguard.read, onChange: input.onHandshake });
  const sessions = createSessionWatch({ ...input, read: () => kernel.wireguard.read(WIREGUARD_DEVICE) });
  const ensurePeers = createDevicePeers(input);
  const former = createFormerEncryption(input);
  const isOff = encryption.type === "none";
  /** Off, and goes on. */
  let isEnding = false;
  let isKnown = false;
  const advanceKeys = createKeyAdvance(input, device, rotation);
  const stop = (): void => {
    watch.stop();
    sessions.stop();
  };
  return {
    rotation,
    rotateKey: rotation.ask,
    sessions,
    stop,
    report() {
      const made = isOff ? undefined : device.current();
      return made && { ...describeKey(made, input), rotation: rotation.report() };
    },
    async begin({ local, claims, verify }) {
      isEnding = await former.goesOn();
      if (isOff && !isEnding) return undefined;
      await device.ensure(local, verify);
      const made = device.current();
      if (!isOff) await rotation.begin(made, device.plan(), verify);
      const own = made
        ? { publicKey: made.publicKey, next: rotation.next()?.publicKey }
        : { fault: device.fault() ?? "this node has no WireGuard device yet" };
      const judged = judgeOnce([claims, JSON.stringify(own)], () => {
        return { nodeName: input.nodeName, own, nodes: Array.from(claims.values(), ({ node }) => node) };
      });
      isKnown = judged.fault === undefined;
      return { linkIndex: made?.index, isRequired: encryption.require, ...judged };
    },
    async applyPeers(plan, options) {
      if (isOff && !isEnding) return stop();
      const fault = device.fault();
      if (fault !== undefined) throw new Error(fault);
      const current = device.current();
      if (current === undefined) return;
      sessions.watch(plan.encrypted);
      const isComplete = options.prune && plan.held.size === 0;
      const task = { routes: plan.encrypted, current, isComplete, isKnown, verify: options.verify };
      const { isAwaited } = await ensurePeers(task);
      if (!isOff) await advanceKeys(task);
      watch.set(isAwaited || rotation.next() !== undefined);
      readiness.warn("encryption", isOff ? undefined : describeClear(plan));
    },
    clearUp: former.clearUp,
  };
}

/** Tells this node's keys, and brings a rotation further. */
function createKeyAdvance(
  { encryption: { port }, publishKey }: ClusterEncryptionInput,
  device: ReturnType<typeof createOwnDevice>,
  rotation: KeyRotation,
) {
  const keys = (): NodeKeys | undefined => {
    const [made, next] = [device.current(), rotation.next()];
    return made && { publicKey: made.publicKey, port, ...(next && { next }) };
  };
  return async (task: RotationTask): Promise<void> => {
    await rotation.applyPeers(task);
    // Who reads the key sends at once: what comes is understood from here on.
    publishKey(keys());
    const made = await rotation.advance(task);
    if (made === undefined) return;
    device.rekeyed(made);
    publishKey(keys());
  };
}

function describeKey(
  { publicKey, bornMs }: OwnKey,
  { encryption: { port }, clock }: ClusterEncryptionInput,
): Omit<KeyReport, "rotation"> {
  return { publicKey, port, ageMs: clock.nowMs() - bornMs };
}

/** Makes the peers of the device; tells whether one is awaited under its next key. */
function createDevicePeers({ kernel: { wireguard }, reportChanges }: ClusterEncryptionInput) {
  const planPeers = createWireGuardPeerPlanner();
  let planned: ReadonlyMap<string, WireGuardPeerPlan> = new Map();
  return async ({ routes, isComplete: prune, isKnown: callsNew, verify }: RotationTask) => {
    const isAwaited = routes.some(({ key }) => key.next !== undefined);
    const seen = isAwaited ? await wireguard.read(WIREGUARD_DEVICE) : undefined;
    const peers = planPeers(routes, findSwitched(routes, seen));
    const isSame = isSameMap(peers, planned);
    reportChanges(await wireguard.ensurePeers(WIREGUARD_DEVICE, peers, { prune, verify, callsNew }), {
      isRepair: isSame,
    });
    planned = peers;
    return { isAwaited };
  };
}

/** Compares by identity. */
function isSameMap<Value>(a: ReadonlyMap<string, Value>, b: ReadonlyMap<string, Value>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

/** What the operator wants encrypted and is not, in one sentence; undefined: everything is. */
function describeClear({ inClear }: PeersPlan): string | undefined {
  if (inClear.size === 0) return undefined;
  const first = listSome([...inClear], { max: 1, format: ([name, reason]) => `"${name}" (${reason})` });
  return `traffic of pods is in clear to node ${first}`;
}
