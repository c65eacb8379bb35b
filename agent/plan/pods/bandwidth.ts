/** A limit of one direction. */
export interface RateLimit {
  /** Bits a second. */
  readonly rate: number;
  /** Bits that may pass at once after a pause, as the runtime asks for; see {@link planShaper}. */
  readonly burst: number;
}

/** Limits of one pod; undefined: none. Directions are the pod's: ingress is what it receives. */
export interface Bandwidth {
  readonly ingress: RateLimit | undefined;
  readonly egress: RateLimit | undefined;
}

/** Settings of a token bucket (tc-tbf(8)), in bytes. */
export interface Shaper {
  /** Bytes a second. */
  readonly rate: number;
  readonly burst: number;
  /** Bytes that may wait; what comes on top is dropped. */
  readonly limit: number;
}

/**
 * Kubelet has no setting for a burst, and container runtimes pass "no limit" for it: 2^32-1 bits of
 * containerd, eight times that of CRI-O. Taken by its word a pod with 1 Mbit/s would send half a gigabyte at
 * full speed first. So a burst is bounded by what the rate gives in this time.
 */
const MAX_BURST_S = 0.05;

/** A bucket must hold a packet; below some of them a limit of megabits is lost in rounding. */
const MIN_BURST_PACKETS = 8;

/** How long the last packet of a full queue waits. */
const LATENCY_S = 0.05;

/** Below this TCP cannot keep a window open. */
const MIN_LIMIT_PACKETS = 48;

const MAX_U32 = 0xffff_ffff;

/** Turns a limit into a token bucket for packets of at most `mtu` bytes and their Ethernet header. */
export function planShaper({ rate, burst }: RateLimit, mtu: number): Shaper {
  const bytesPerS = Math.max(1, Math.floor(rate / 8));
  const packet = mtu + 14;
  const bounded = Math.max(
    MIN_BURST_PACKETS * packet,
    Math.min(Math.floor(burst / 8), bytesPerS * MAX_BURST_S),
  );
  const bucket = Math.min(MAX_U32, Math.floor(bounded));
  const queue = Math.max(MIN_LIMIT_PACKETS * packet, bytesPerS * LATENCY_S);
  return { rate: bytesPerS, burst: bucket, limit: Math.min(MAX_U32, Math.floor(bucket + queue)) };
}
