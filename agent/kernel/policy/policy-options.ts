/** What of the table policies do not decide about. */
export interface PolicyOptions {
  /** Whether what a pod sends to its own node is egress like any other. */
  readonly toOwnNode: "enforce" | "allow";
  /**
   * Bit of the connections' marks, counted from 0, that ends a connection: its packets are dropped in both
   * directions.
   */
  readonly markBit: number;
}

export const DEFAULT_POLICY_OPTIONS: PolicyOptions = { toOwnNode: "enforce", markBit: 29 };

/** Of nfnetlink_log, for dropped packets: "cw" in ASCII, as the group of our links. */
export const DROP_LOG_GROUP = 0x6377;

/** NF_LOG_PREFIX of dropped packets is the name of what dropped them alone: see {@link findDenial}. */
export const DROP_LOG = { perSecond: 10, burst: 20, snapLength: 64 } as const;

/** 32 bits in the machine's order. */
export function markOf({ markBit }: PolicyOptions): number {
  return (1 << markBit) >>> 0;
}
