import type { Link } from "../../netlink/link/parse-link.ts";
import type { Finding } from "../finding.ts";
import { upCommand } from "../shell.ts";

export interface BridgeObservation {
  /** Undefined: there is none of Causeway's. */
  readonly bridge: Pick<Link, "name" | "up"> | undefined;
  /** Its addresses, as `10.244.1.1/24`. */
  readonly gateways: readonly string[];
  readonly tunnels: readonly Pick<Link, "name" | "up">[];
}

const NAME = "datapath";

/** The links that a running agent keeps as they must be. */
export function checkBridge({ bridge, gateways, tunnels }: BridgeObservation): readonly Finding[] {
  const fail = (evidence: string, remedy?: string): Finding => ({
    name: NAME,
    verdict: "fail",
    evidence,
    remedy,
  });
  if (bridge === undefined) return [fail("there is no Causeway bridge: the agent has not created it yet")];
  const down = [bridge, ...tunnels].filter((link) => !link.up);
  if (down.length > 0) return down.map(({ name }) => fail(`link ${name} is down`, upCommand(name)));
  if (gateways.length === 0) return [fail(`bridge ${bridge.name} has no gateway address`)];
  const names = [bridge, ...tunnels].map(({ name }) => name).join(", ");
  return [{ name: NAME, verdict: "ok", evidence: `${names} up, gateways ${gateways.join(", ")}` }];
}
