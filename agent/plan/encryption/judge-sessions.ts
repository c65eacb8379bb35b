import { type PeerSession, sessionOf } from "./peer-session.ts";
import type { WireGuardPeerState } from "./wireguard.ts";

export interface JudgedPeer {
  readonly peer: WireGuardPeerState;
  readonly session: PeerSession;
}

/** All peers of a device at one moment, in Unix time. */
export type JudgeSessions = (
  peers: readonly WireGuardPeerState[],
  nowSeconds: number,
) => readonly JudgedPeer[];

/** A peer whose session has ended, as it was seen first since then. */
interface Ended extends Pick<WireGuardPeerState, "lastHandshake" | "sentBytes"> {
  /** When it was first seen that it had been called. */
  readonly calledSeconds?: number;
}

/** After which a call without an answer is repeated (REKEY_TIMEOUT of the WireGuard whitepaper, section 6.1). */
const REPEAT_AFTER_SECONDS = 5;

/**
 * Remembers what was seen of peers. WireGuard keeps no record of calls that nobody answers; but without a
 * session it sends nothing but calls. So a peer whose session has ended, to which bytes have gone since, and
 * which has no handshake since, does not answer.
 */
export function createSessionJudge(): JudgeSessions {
  let known: ReadonlyMap<string, Ended> = new Map();
  return (peers, nowSeconds) => {
    const ended = new Map<string, Ended>();
    const judged = peers.map((peer): JudgedPeer => {
      const session = sessionOf(peer, nowSeconds);
      if (session !== "idle") return { peer, session };
      const memory = remember(peer, known.get(peer.publicKey), nowSeconds);
      ended.set(peer.publicKey, memory);
      const isCalled = nowSeconds - (memory.calledSeconds ?? nowSeconds) >= REPEAT_AFTER_SECONDS;
      return { peer, session: isCalled ? "unanswered" : session };
    });
    known = ended;
    return judged;
  };
}

function remember(
  { lastHandshake, sentBytes }: WireGuardPeerState,
  before: Ended | undefined,
  nowSeconds: number,
): Ended {
  const isSame = before?.lastHandshake === lastHandshake && sentBytes >= before.sentBytes;
  if (!isSame) return { lastHandshake, sentBytes };
  return sentBytes > before.sentBytes ? { calledSeconds: nowSeconds, ...before } : before;
}
