import { counted } from "../../text/count.ts";
import type { Finding } from "../finding.ts";
import { sysctlCommand } from "../shell.ts";

export interface ConntrackObservation {
  readonly count: number;
  readonly max: number;
  /** Packets dropped because the table was full, since the start of the node. */
  readonly dropped: number;
}

const NAME = "conntrack";
const WARN_SHARE = 0.75;
const FAIL_SHARE = 0.95;

/** A full table drops the first packet of every new connection, of pods and of the node. */
export function checkConntrack({ count, max, dropped }: ConntrackObservation): readonly Finding[] {
  const share = max === 0 ? 0 : count / max;
  const lost = dropped === 0 ? "" : `; it was full, and dropped ${counted(dropped, "packet")}`;
  const evidence = `${count} of ${max} connections are tracked (${Math.round(share * 100)} %)${lost}`;
  if (share < WARN_SHARE) return [{ name: NAME, verdict: "ok", evidence }];
  const remedy = sysctlCommand("net/netfilter/nf_conntrack_max", max * 2);
  return [{ name: NAME, verdict: share < FAIL_SHARE ? "warn" : "fail", evidence, remedy }];
}
