import { secondsAhead } from "./peer-session.ts";
import type { WireGuardPeerState } from "./wireguard.ts";

/** What to look at when a peer does not answer, as a sentence. `node`: its name, where that is known. */
export function describeUnanswered(peer: WireGuardPeerState, nowSeconds: number, node?: string): string {
  const { endpoint, lastHandshake } = peer;
  const where =
    endpoint === undefined ? "an unknown address" : `${endpoint.address}, UDP port ${endpoint.port}`;
  const who = `${node === undefined ? "the node" : `node "${node}"`} at ${where}`;
  const filter = "a packet filter between the nodes drops that port";
  if (lastHandshake === 0)
    return `${who} has never answered a handshake: ${filter}, or its agent does not know this node's key`;
  const ahead = secondsAhead(peer, nowSeconds);
  if (ahead > 0)
    return `${who} has answered no handshake since this node's clock was set back: it takes none within the next ${ahead} s; "causeway doctor" has the remedy`;
  const last = describeHandshake(peer, nowSeconds);
  return `${who} has answered no handshake since the last one, ${last}: ${filter}, or the node is down`;
}

/** As in "10 s ago". */
export function describeHandshake({ lastHandshake }: WireGuardPeerState, nowSeconds: number): string {
  return lastHandshake === 0 ? "none yet" : `${Math.max(0, Math.round(nowSeconds - lastHandshake))} s ago`;
}
