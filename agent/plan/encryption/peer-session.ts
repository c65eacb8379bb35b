import type { WireGuardPeerState } from "./wireguard.ts";

/**
 * Seconds after its handshake for which a session carries packets (REJECT_AFTER_TIME of the WireGuard
 * whitepaper, section 6.1). A peer that has nothing to send has an older one, and none is wrong.
 */
export const REJECT_AFTER_SECONDS = 180;

export const PEER_SESSIONS = ["live", "idle", "unanswered"] as const;

/** Whether a peer has a session, needs none, or was called and has not answered. */
export type PeerSession = (typeof PEER_SESSIONS)[number];

/** What one look shows: of a peer that has answered before, it does not show that it does no more. */
export function sessionOf(
  { lastHandshake, sentBytes }: Pick<WireGuardPeerState, "lastHandshake" | "sentBytes">,
  nowSeconds: number,
): PeerSession {
  if (lastHandshake > 0) return nowSeconds - lastHandshake < REJECT_AFTER_SECONDS ? "live" : "idle";
  return sentBytes > 0 ? "unanswered" : "idle";
}

/** A handshake has the time of this moment, which seconds are cut off of. */
const MAX_AHEAD_SECONDS = 1;

/** So many seconds after a handshake the clock was set back to before it; 0: it was not. */
export function secondsAhead(
  { lastHandshake }: Pick<WireGuardPeerState, "lastHandshake">,
  nowSeconds: number,
): number {
  const seconds = lastHandshake - nowSeconds;
  return seconds > MAX_AHEAD_SECONDS ? Math.ceil(seconds) : 0;
}

/** Whether a peer does not answer: as one look shows, or as was `seen` before, by public key. */
export function isUnanswered(
  peer: Pick<WireGuardPeerState, "publicKey" | "lastHandshake" | "sentBytes">,
  seen: ReadonlySet<string>,
  nowSeconds: number,
): boolean {
  const session = sessionOf(peer, nowSeconds);
  const mayHaveEnded = session === "idle" || secondsAhead(peer, nowSeconds) > 0;
  return session === "unanswered" || (mayHaveEnded && seen.has(peer.publicKey));
}
