import { createFairBucket } from "../../lib/token-bucket.ts";
import type { Log } from "../../log/log.ts";
import type { Drop, DropEnd } from "../../plan/policy/drops/describe-drop.ts";
import type { DeniedRecord } from "../node-report.ts";

/** Packets that policies have dropped of late. */
export interface Denied {
  /** Remembers a packet, and logs one line of it. */
  tell(drop: Drop): void;
  /** Counts a packet that nobody has described. */
  leaveOut(): void;
  /** The newest first. */
  list(): readonly DeniedRecord[];
}

/** Pairs of ends and ports that are remembered. */
const KEPT = 64;

/** A client that tries again and again is logged once in this time. */
const SILENCE_MS = 60_000;

/**
 * Lines a second, of all pods together, and how many may come at once: what scans thousands of ports must not
 * fill the disk. As many again are for clients of which nothing was told of late.
 */
const LINES_PER_SECOND = 10;
const BURST = 50;

interface Entry {
  readonly record: DeniedRecord;
  readonly loggedMs: number;
}

export interface DeniedInput {
  readonly log: Pick<Log, "info">;
  /** Of a clock that nobody sets: it bounds the lines. */
  readonly nowMs: () => number;
  /** Milliseconds since the epoch. */
  readonly dateMs: () => number;
}

export function createDenied({ log, nowMs, dateMs }: DeniedInput): Denied {
  /** By what makes two packets one; the newest last. */
  const entries = new Map<string, Entry>();
  const lines = createFairBucket({ perSecond: LINES_PER_SECOND, burst: BURST, startMs: nowMs() });
  let untold = 0;

  return {
    leaveOut() {
      untold++;
    },
    tell(drop) {
      const atMs = nowMs();
      const { direction, reason, hint } = drop;
      const fields = {
        direction,
        from: formatEnd(drop.from),
        to: formatEnd(drop.to),
        port: formatPort(drop),
        reason,
      };
      const key = Object.values(fields).join("\n");
      const before = entries.get(key);
      const packets = (before?.record.packets ?? 0) + 1;
      const isDue = before === undefined || atMs - before.loggedMs >= SILENCE_MS;
      const isLogged = isDue && lines.take(fields.from, atMs);
      if (isDue && !isLogged) untold++;
      if (isLogged) {
        log.info({ ...fields, ...(hint && { hint }), ...(untold > 0 && { untold }) }, "Denied by policy");
        untold = 0;
      }
      const loggedMs = isLogged ? atMs : (before?.loggedMs ?? Number.NEGATIVE_INFINITY);
      entries.delete(key);
      entries.set(key, { record: { atMs: dateMs(), ...fields, hint, packets }, loggedMs });
      if (entries.size > KEPT) entries.delete(leastOf(entries));
    },
    list: () => [...entries.values()].map(({ record }) => record).toReversed(),
  };
}

/** What is forgotten: the oldest, or where one client has most of it, the oldest of that one. */
function leastOf(entries: ReadonlyMap<string, Entry>): string {
  const byClient = [...Map.groupBy(entries, ([, { record }]) => record.from).values()];
  const [least] = byClient.find((own) => own.length > KEPT / 2) ?? entries;
  return least?.[0] ?? "";
}

function formatEnd({ pod, address }: DropEnd): string {
  return pod === undefined ? address : `${pod} (${address})`;
}

function formatPort({ protocol, port }: Drop): string {
  return port === undefined ? protocol : `${protocol} ${port}`;
}
