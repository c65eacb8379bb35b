import type { Finding } from "../finding.ts";

export interface ListenersObservation {
  /** TCP ports that the agent listens on, by the value of the chart that sets them. */
  readonly ports: ReadonlyMap<string, number>;
  /** TCP ports on which a program listens now. */
  readonly taken: ReadonlySet<number>;
}

const NAME = "TCP ports";

/** Whether metrics, probes and page find their ports free. Pods get their network without them. */
export function checkListeners({ ports, taken }: ListenersObservation): readonly Finding[] {
  const clashes = [...ports].filter(([, port]) => taken.has(port));
  if (clashes.length === 0)
    return [{ name: NAME, verdict: "ok", evidence: `${[...ports.values()].join(" and ")} are free` }];
  return clashes.map(([value, port]) => ({
    name: NAME,
    verdict: "warn",
    evidence: `a program listens on port ${port}: set ${value} to a free one`,
    remedy: `ss --tcp --listening --numeric --processes 'sport = :${port}'`,
  }));
}
