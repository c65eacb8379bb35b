import type { WireGuardPeerState } from "../../plan/encryption/wireguard.ts";

/** What to look at when a peer does not answer, as a sentence. */
export function describeUnanswered(peer: WireGuardPeerState): string {
  const { endpoint } = peer;
  const where =
    endpoint === undefined ? "an unknown address" : `${endpoint.address}, UDP port ${endpoint.port}`;
  return `the node at ${where} has never answered a handshake: a packet filter between the nodes drops that port, or its agent does not know this node's key`;
}

/** As in "10 s ago". */
export function describeHandshake({ lastHandshake }: WireGuardPeerState, nowSeconds: number): string {
  return lastHandshake === 0 ? "none yet" : `${Math.max(0, Math.round(nowSeconds - lastHandshake))} s ago`;
}
