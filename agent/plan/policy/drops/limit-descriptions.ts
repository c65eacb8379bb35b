import { createFairBucket } from "../../../lib/token-bucket.ts";
import type { PacketHeaders } from "../../../net/read-packet.ts";
import type { Drop } from "./describe-drop.ts";

/** What became of a packet: told, left out as too many come, or of nothing that is known. */
export type DescribedDrop = Drop | "left out" | undefined;

export interface DropDescriber {
  /** `name`: of what dropped it. Packets that are the same for people are described once. */
  describe(name: string, packet: PacketHeaders): DescribedDrop;
}

export interface DropDescriberInput {
  /** Looks at all pods and policies, of which there may be ten thousands. */
  readonly describe: (name: string, packet: PacketHeaders) => Drop | undefined;
  readonly nowMs: () => number;
}

/**
 * Descriptions a second, and how many may come at once: as many as lines of the log. As many again are for
 * clients that have had none of late.
 */
const PER_SECOND = 10;
const BURST = 50;

/** A description is as good as new for this time: chains that decide otherwise have other names. */
const KEPT_MS = 10_000;
const KEPT = 256;

/**
 * The kernel may log thousands of packets a second, of all rules together: the limit comes before the work.
 */
export function createDropDescriber({ describe, nowMs }: DropDescriberInput): DropDescriber {
  const known = new Map<string, { readonly drop: Drop | undefined; readonly atMs: number }>();
  const descriptions = createFairBucket({ perSecond: PER_SECOND, burst: BURST, startMs: nowMs() });
  return {
    describe(name, packet) {
      const atMs = nowMs();
      const key = keyOf(name, packet);
      const before = known.get(key);
      if (before !== undefined && atMs - before.atMs < KEPT_MS) return before.drop;
      if (!descriptions.take(packet.source, atMs)) return "left out";
      const drop = describe(name, packet);
      known.delete(key);
      known.set(key, { drop, atMs });
      const [oldest] = known.keys();
      if (known.size > KEPT && oldest !== undefined) known.delete(oldest);
      return drop;
    },
  };
}

function keyOf(name: string, { source, destination, protocol, ports }: PacketHeaders): string {
  return [name, source, destination, protocol, ports?.destination].join(" ");
}
