import type { Link } from "../../netlink/link/parse-link.ts";
import { describeHandshake, describeUnanswered } from "../../plan/encryption/describe-peer.ts";
import { isUnanswered } from "../../plan/encryption/peer-session.ts";
import type { WireGuardPeerState } from "../../plan/encryption/wireguard.ts";
import { agentRemedy } from "../agent/check-agent.ts";
import type { Finding } from "../finding.ts";
import { upCommand } from "../shell.ts";

/** The WireGuard device that a packet leaves by, and who gets it. */
export interface EncryptedObservation {
  readonly device: Pick<Link, "name" | "up" | "mtu">;
  /** Undefined: the device has no peer for the destination, or does not tell. */
  readonly peer: WireGuardPeerState | undefined;
  /** Keys of peers that the agent has seen called in vain. */
  readonly unanswered: ReadonlySet<string>;
  readonly nowSeconds: number;
}

/** What WireGuard does with a packet to another node's pods. */
export function explainEncrypted(
  { device, peer, unanswered, nowSeconds }: EncryptedObservation,
  { destination, nodeName }: { readonly destination: string; readonly nodeName: string },
): readonly Finding[] {
  const name = "WireGuard device";
  if (!device.up) {
    const remedy = upCommand(device.name);
    return [{ name, verdict: "fail", evidence: `${device.name} is down`, remedy }];
  }
  const up: Finding = { name, verdict: "ok", evidence: `${device.name}, MTU ${device.mtu}` };
  const peerName = "WireGuard peer";
  if (peer === undefined) {
    const evidence = `${device.name} has no peer for ${destination}, and drops what goes there`;
    return [up, { name: peerName, verdict: "fail", evidence, remedy: agentRemedy(nodeName) }];
  }
  if (isUnanswered(peer, unanswered, nowSeconds))
    return [up, { name: peerName, verdict: "fail", evidence: describeUnanswered(peer, nowSeconds) }];
  const { publicKey, endpoint } = peer;
  const where = endpoint === undefined ? "no endpoint yet" : `${endpoint.address}, port ${endpoint.port}`;
  const evidence = `${publicKey} at ${where}; last handshake ${describeHandshake(peer, nowSeconds)}`;
  return [up, { name: peerName, verdict: "ok", evidence }];
}
