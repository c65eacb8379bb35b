import type { WireGuardPeerState } from "./wireguard.ts";

/**
 * Seconds after its handshake for which a session carries packets (REJECT_AFTER_TIME of the WireGuard
 * whitepaper, section 6.1). A peer that has nothing to send has an older one, and none is wrong.
 */
const REJECT_AFTER_SECONDS = 180;

export const PEER_SESSIONS = ["live", "idle", "unanswered"] as const;

/** Whether a peer has a session, needs none, or was called and has never answered. */
export type PeerSession = (typeof PEER_SESSIONS)[number];

export function sessionOf(
  { lastHandshake, sentBytes }: Pick<WireGuardPeerState, "lastHandshake" | "sentBytes">,
  nowSeconds: number,
): PeerSession {
  if (lastHandshake > 0) return nowSeconds - lastHandshake < REJECT_AFTER_SECONDS ? "live" : "idle";
  return sentBytes > 0 ? "unanswered" : "idle";
}
