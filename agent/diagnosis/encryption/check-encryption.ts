import { counted } from "../../text/count.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import { describeUnanswered } from "../../plan/encryption/describe-peer.ts";
import { isUnanswered, secondsAhead, sessionOf } from "../../plan/encryption/peer-session.ts";
import type { WireGuardState } from "../../plan/encryption/wireguard.ts";
import type { Finding } from "../finding.ts";
import { limitFindings } from "../limit-findings.ts";
import { shellWord, upCommand } from "../shell.ts";
import { explainHeldPort, type UdpPort } from "../udp-port.ts";

export interface EncryptionObservation {
  /** The WireGuard device of ours; undefined: nothing is encrypted. */
  readonly device: Pick<Link, "name" | "up"> | undefined;
  readonly state: WireGuardState | undefined;
  /** The port of that state; undefined without one. */
  readonly udp: UdpPort | undefined;
  /** Keys of peers that the agent has seen called in vain. */
  readonly unanswered: ReadonlySet<string>;
  readonly nowSeconds: number;
}

const NAME = "encryption";

/** Whether the device is up, the clock goes on, and every node that this one has called has answered. */
export function checkEncryption(observation: EncryptionObservation): readonly Finding[] {
  const { device, state, unanswered, nowSeconds } = observation;
  if (device === undefined) return [];
  if (!device.up) return explainDown(device.name, observation);
  const peers = state?.peers ?? [];
  const aheadSeconds = Math.max(0, ...peers.map((peer) => secondsAhead(peer, nowSeconds)));
  if (aheadSeconds > 0) return [explainClock(device.name, aheadSeconds)];
  const silent = peers.filter((peer) => isUnanswered(peer, unanswered, nowSeconds));
  if (silent.length > 0)
    return limitFindings(
      NAME,
      silent.map((peer) => ({ name: NAME, verdict: "fail", evidence: describeUnanswered(peer, nowSeconds) })),
    );
  const named = peers.filter(({ allowedIps }) => allowedIps.length > 0);
  const live = named.filter((peer) => sessionOf(peer, nowSeconds) === "live").length;
  return [
    {
      name: NAME,
      verdict: "ok",
      evidence: `${device.name}: ${counted(named.length, "node")} with a key, ${live} with a handshake in the last 3 minutes; others have nothing to send`,
    },
  ];
}

function explainDown(device: string, { udp }: Pick<EncryptionObservation, "udp">): readonly Finding[] {
  const head = { name: NAME, verdict: "fail" } as const;
  const held =
    udp === undefined ? [] : explainHeldPort(udp, { ...head, device: `WireGuard device ${device}` });
  if (held.length > 0) return held;
  const evidence = `WireGuard device ${device} is down`;
  return [{ ...head, evidence, remedy: upCommand(device) }];
}

/**
 * A handshake carries the time of who begins it, and none is taken that is not later than the last of the
 * same key (WireGuard whitepaper, section 5.1). With a new key there is no last one.
 */
function explainClock(device: string, seconds: number): Finding {
  return {
    name: NAME,
    verdict: "fail",
    evidence: `the clock was set back after a handshake, which was ${seconds} s ahead of it: until it has caught up, other nodes refuse handshakes that this node begins; a new device has a new key, which they take:`,
    remedy: `ip link delete dev ${shellWord(device)}`,
  };
}
