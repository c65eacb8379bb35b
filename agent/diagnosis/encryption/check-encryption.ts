import type { Link } from "../../netlink/link/parse-link.ts";
import { sessionOf } from "../../plan/encryption/peer-session.ts";
import type { WireGuardState } from "../../plan/encryption/wireguard.ts";
import type { Finding } from "../finding.ts";
import { limitFindings } from "../limit-findings.ts";
import { upCommand } from "../shell.ts";
import { describeUnanswered } from "./describe-peer.ts";

export interface EncryptionObservation {
  /** The WireGuard device of ours; undefined: nothing is encrypted. */
  readonly device: Pick<Link, "name" | "up"> | undefined;
  readonly state: WireGuardState | undefined;
  readonly nowSeconds: number;
}

const NAME = "encryption";

/** Whether every node that this one has called by WireGuard has answered. */
export function checkEncryption({ device, state, nowSeconds }: EncryptionObservation): readonly Finding[] {
  if (device === undefined) return [];
  if (!device.up)
    return [
      {
        name: NAME,
        verdict: "fail",
        evidence: `WireGuard device ${device.name} is down`,
        remedy: upCommand(device.name),
      },
    ];
  const peers = state?.peers ?? [];
  const silent = peers.filter((peer) => sessionOf(peer, nowSeconds) === "unanswered");
  if (silent.length > 0)
    return limitFindings(
      NAME,
      silent.map((peer) => ({ name: NAME, verdict: "fail", evidence: describeUnanswered(peer) })),
    );
  const live = peers.filter((peer) => sessionOf(peer, nowSeconds) === "live").length;
  return [
    {
      name: NAME,
      verdict: "ok",
      evidence: `${device.name}: ${peers.length} nodes with a key, ${live} with a handshake in the last 3 minutes; others have nothing to send`,
    },
  ];
}
