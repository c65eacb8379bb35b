import type { Kernel } from "../../kernel/kernel.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Readiness } from "../../lib/readiness.ts";
import type { Log } from "../../log/log.ts";
import {
  NEXT_DEVICE,
  nextPort,
  planNextDevice,
  WIREGUARD_DEVICE,
} from "../../plan/encryption/plan-device.ts";
import { planNextPeers } from "../../plan/encryption/plan-peers.ts";
import {
  isTooOld,
  planRotation,
  type RotationProgress,
  ROTATION_WAIT_MS,
} from "../../plan/encryption/plan-rotation.ts";
import type { WireGuardDevicePlan } from "../../plan/encryption/wireguard.ts";
import type { NodeKey, NodeKeys, PublishedKey } from "../../plan/peers/claim.ts";
import type { EncryptedRoute } from "../../plan/peers/peer-routes.ts";
import { listSome } from "../../text/list-some.ts";
import type { ReportChanges } from "../report/report-changes.ts";

/** So many nodes are named. */
const MAX_NAMES = 3;

/** A key of this node with the time of its birth, on the clock that the rotation was given. */
export interface OwnKey {
  readonly publicKey: string;
  readonly bornMs: number;
}

export interface KeyRotationInput {
  readonly kernel: {
    readonly wireguard: Pick<
      Kernel["wireguard"],
      "ensureDevice" | "ensurePeers" | "moveKey" | "read" | "remove"
    >;
  };
  readonly readiness: Pick<Readiness, "warn">;
  readonly log: Pick<Log, "info" | "warn">;
  readonly clock: Pick<Clock, "nowMs">;
  /** Unix time. */
  readonly nowSeconds: () => number;
  readonly reportChanges: ReportChanges;
  /** What our own Node says of its keys. */
  readonly publishedKey: () => PublishedKey | undefined;
  readonly encryption: {
    readonly port: number;
    /** Age at which a key is replaced; 0: never. */
    readonly rotateAfter: number;
  };
}

/** What is told of a rotation. */
export interface RotationReport extends NodeKey, Omit<RotationProgress, "isReady"> {}

export interface RotationTask {
  readonly routes: readonly EncryptedRoute[];
  readonly current: OwnKey;
  /** Whether all nodes are known. */
  readonly isComplete: boolean;
  /** Whether others can know this node's key. */
  readonly isKnown: boolean;
  readonly verify: boolean;
}

export interface KeyRotation {
  /** Begins a rotation, or goes on with one that an agent before has begun, where there is a reason to. */
  begin(current: OwnKey | undefined, plan: WireGuardDevicePlan | undefined, verify: boolean): Promise<void>;
  /** The key that is to be published beside the one in use. */
  next(): NodeKey | undefined;
  /** Lets nodes show that they know the next key. */
  applyPeers(task: RotationTask): Promise<void>;
  /** Uses the next key when nodes know it: gives it then. After {@link KeyRotation.applyPeers}. */
  advance(task: RotationTask): Promise<OwnKey | undefined>;
  /** Asks for a rotation now. */
  ask(): void;
  isAsked(): boolean;
  /** Undefined while no keys are rotated. */
  report(): RotationReport | undefined;
  /** Why a rotation cannot begin. */
  fault(): string | undefined;
}

/**
 * Replaces the key of this node while it runs. The next key is in a device of its own, which holds it as the
 * kernel holds any, and where nodes that have read it call: so this node learns who knows it. Then the
 * device of the node takes it, with which all calls begin anew. What there is to do follows from what the
 * kernel and the own Node have, whichever agent has made it.
 */
export function createKeyRotation(input: KeyRotationInput): KeyRotation {
  const { kernel, readiness } = input;
  const device = createNextDevice(input);
  const readableMs = createPublicationClock(input);
  const port = nextPort(input.encryption.port);
  let progress: RotationProgress | undefined;
  let isAsked = false;
  let fault: string | undefined;

  const begin: KeyRotation["begin"] = async (current, plan, verify) => {
    if (current === undefined || plan === undefined) return;
    await device.look(plan, verify);
    // An agent was ended between the last two steps.
    if (device.key()?.publicKey === current.publicKey) await device.remove();
    if (device.key() !== undefined || !isDue(current, isAsked, input)) return;
    await device.make(plan);
    isAsked = false;
    input.log.info({ publicKey: device.key()?.publicKey }, "Began to rotate the WireGuard key of this node");
  };

  return {
    ask() {
      isAsked = true;
      fault = undefined;
    },
    isAsked: () => isAsked,
    fault: () => fault,
    next: device.told,
    report() {
      const told = device.told();
      const { nodes = 0, waitingFor = [] } = progress ?? {};
      return told && { ...told, nodes, waitingFor };
    },
    async begin(current, plan, verify) {
      try {
        await begin(current, plan, verify);
        fault = undefined;
      } catch (error) {
        // The key in use is not affected.
        fault = messageOf(error);
        isAsked = false;
        readiness.warn("key rotation", fault);
      }
    },
    async applyPeers({ routes, isComplete: prune, verify }) {
      if (device.key() === undefined) return;
      await kernel.wireguard.ensurePeers(NEXT_DEVICE, planNextPeers(routes), { prune, verify });
    },
    async advance(task) {
      const key = device.key();
      const waitedMs = readableMs(key);
      if (key === undefined || waitedMs === undefined || !task.isComplete) return undefined;
      progress = await readProgress(waitedMs, task, input);
      readiness.warn("key rotation", describeWait(progress, waitedMs, port));
      if (!progress.isReady) return undefined;
      await useKey(key, { current: task.current, progress }, input);
      await device.remove();
      progress = undefined;
      readiness.warn("key rotation", undefined);
      return key;
    },
  };
}

/** The device of the next key. */
function createNextDevice({ kernel, clock, encryption, reportChanges }: KeyRotationInput) {
  let key: OwnKey | undefined;
  let isRead = false;
  const make = async (plan: WireGuardDevicePlan): Promise<void> => {
    const { publicKey, keyAgeMs, changes } = await kernel.wireguard.ensureDevice(planNextDevice(plan));
    reportChanges(changes, { isRepair: key !== undefined });
    if (key?.publicKey !== publicKey) key = { publicKey, bornMs: clock.nowMs() - keyAgeMs };
  };
  return {
    key: (): OwnKey | undefined => key,
    /** What others are to know of it. */
    told: (): NodeKey | undefined => key && { publicKey: key.publicKey, port: nextPort(encryption.port) },
    make,
    /** Takes up what an agent before has made, or somebody has removed. */
    async look(plan: WireGuardDevicePlan, verify: boolean): Promise<void> {
      if (isRead && !verify) return;
      if ((await kernel.wireguard.read(NEXT_DEVICE)) === undefined) key = undefined;
      else await make(plan);
      isRead = true;
    },
    async remove(): Promise<void> {
      await kernel.wireguard.remove(NEXT_DEVICE);
      key = undefined;
    },
  };
}

/** Whether a key is to be replaced: one that others know, so that they learn of its successor the same way. */
function isDue({ publicKey, bornMs }: OwnKey, isAsked: boolean, input: KeyRotationInput): boolean {
  const { clock, encryption } = input;
  const isKnown = publishedKeys(input)?.publicKey === publicKey;
  const ageMs = clock.nowMs() - bornMs;
  return isKnown && (isAsked || isTooOld({ publicKey, ageMs, rotateAfterMs: encryption.rotateAfter }));
}

/** For how long our own Node has told others the next key, as this agent has seen it; undefined: not yet. */
function createPublicationClock(input: KeyRotationInput) {
  let sinceMs: number | undefined;
  return (key: OwnKey | undefined): number | undefined => {
    const nowMs = input.clock.nowMs();
    const isPublished = key !== undefined && publishedKeys(input)?.next?.publicKey === key.publicKey;
    sinceMs = isPublished ? (sinceMs ?? nowMs) : undefined;
    return sinceMs === undefined ? undefined : nowMs - sinceMs;
  };
}

/** What our own Node says, if it can be read. */
function publishedKeys({ publishedKey }: KeyRotationInput): NodeKeys | undefined {
  const published = publishedKey();
  return published === undefined || "fault" in published ? undefined : published;
}

async function readProgress(
  waitedMs: number,
  { routes }: RotationTask,
  { kernel, nowSeconds }: KeyRotationInput,
): Promise<RotationProgress> {
  const [current, next] = await Promise.all([
    kernel.wireguard.read(WIREGUARD_DEVICE),
    kernel.wireguard.read(NEXT_DEVICE),
  ]);
  return planRotation({ routes, current, next, waitedMs, nowSeconds: nowSeconds() });
}

async function useKey(
  { publicKey }: OwnKey,
  {
    current: { publicKey: before },
    progress: { nodes, waitingFor },
  }: { readonly current: OwnKey; readonly progress: RotationProgress },
  { kernel, log }: KeyRotationInput,
): Promise<void> {
  await kernel.wireguard.moveKey(NEXT_DEVICE, WIREGUARD_DEVICE);
  const unaware = waitingFor.slice(0, MAX_NAMES);
  log.info({ publicKey, before, nodes, unaware }, "Rotated the WireGuard key of this node");
}

/** What keeps a rotation from its end, as a sentence, once that takes long. */
function describeWait(
  { waitingFor, isReady }: RotationProgress,
  waitedMs: number,
  port: number,
): string | undefined {
  if (isReady || waitedMs < ROTATION_WAIT_MS.withoutSession) return undefined;
  const names = listSome(waitingFor, { max: MAX_NAMES, format: (name) => `"${name}"` });
  const hours = ROTATION_WAIT_MS.withSession / 3_600_000;
  return `nodes that have not shown that they know this node's next key: ${names}; an agent there does not run, or a packet filter drops UDP port ${port}; the key is used in ${hours} h at the latest`;
}
