import type { EventReason } from "../../kube/self/event-reasons.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Readiness, WarningPart } from "../../lib/readiness.ts";
import { listSome } from "../../text/list-some.ts";

/** What a warning is as an Event; undefined: what warns of it sends Events itself. */
const WARNING_EVENTS: Readonly<Record<WarningPart, EventReason | undefined>> = {
  http: "PortUnavailable",
  probes: "PortUnavailable",
  VRF: "AddressInVRF",
  MTU: "MTUTooSmall",
  "host ports": "HostPortsUnavailable",
  encryption: "TrafficNotEncrypted",
  "key rotation": "KeyRotationDelayed",
  "fast path": undefined,
  overlay: undefined,
  "packet filters": undefined,
  "network policies": undefined,
};

const LOOK_MS = 60_000;
/** API servers keep an Event for an hour. */
const REPEAT_MS = 3_600_000;
const MAX_NAMED = 5;

export interface TellReadinessInput {
  readonly readiness: Pick<Readiness, "reasons" | "warnings">;
  readonly clock: Clock;
  readonly tell: (reason: EventReason, note: string) => void;
}

/**
 * Tells by Events what keeps the node from being ready, and what it warns of, once that has lasted from one
 * look to the next: a start is no news. The answer ends it.
 */
export function tellReadiness({ readiness, clock, tell }: TellReadinessInput): () => void {
  /** When each kind of what lasts may be told. */
  let dueMs = new Map<EventReason, number>();
  let cancel = clock.after(LOOK_MS, look);
  function look(): void {
    const nowMs = clock.nowMs();
    const next = new Map<EventReason, number>();
    for (const [reason, notes] of notesOf(readiness)) {
      const due = dueMs.get(reason) ?? nowMs + 1;
      if (due <= nowMs) tell(reason, listSome(notes, { max: MAX_NAMED, separator: "; " }));
      next.set(reason, due <= nowMs ? nowMs + REPEAT_MS : due);
    }
    dueMs = next;
    cancel = clock.after(LOOK_MS, look);
  }
  return () => cancel();
}

function notesOf({ reasons, warnings }: TellReadinessInput["readiness"]): ReadonlyMap<EventReason, string[]> {
  const notes = new Map<EventReason, string[]>();
  const add = (reason: EventReason | undefined, note: string): void => {
    if (reason !== undefined) notes.set(reason, [...(notes.get(reason) ?? []), note]);
  };
  for (const { part, reason } of reasons()) add("PodNetworkNotReady", `${part}: ${reason}`);
  for (const { part, reason } of warnings()) add(WARNING_EVENTS[part], reason);
  return notes;
}
