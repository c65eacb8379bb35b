import { type PeerSession, secondsAhead, sessionOf } from "./peer-session.ts";
import type { WireGuardPeerState } from "./wireguard.ts";

export interface JudgedPeer {
  readonly peer: WireGuardPeerState;
  readonly session: PeerSession;
}

export interface Moment {
  /** Unix time. */
  readonly nowSeconds: number;
  /** Of a clock that nobody sets. */
  readonly steadySeconds: number;
}

/** All peers of a device at one moment. */
export type JudgeSessions = (peers: readonly WireGuardPeerState[], moment: Moment) => readonly JudgedPeer[];

type Seen = Pick<WireGuardPeerState, "lastHandshake" | "sentBytes">;

/** A peer whose session has ended, as it was seen first since then. */
interface Ended extends Seen {
  /** When it was first seen that it had been called, by the steady clock. */
  readonly calledSeconds?: number;
}

/** A peer whose handshake is ahead of the clock, and since when by the steady one. */
interface Ahead extends Pick<Seen, "lastHandshake"> {
  readonly sinceSeconds: number;
}

/** After which a call without an answer is repeated (REKEY_TIMEOUT of the WireGuard whitepaper, section 6.1). */
const REPEAT_AFTER_SECONDS = 5;

/**
 * Remembers what was seen of peers. WireGuard keeps no record of calls that nobody answers; but without a
 * session it sends nothing but calls. So a peer whose session has ended, to which bytes have gone since, and
 * which has no handshake since, does not answer. Where the clock was set back, a session is as old as it has
 * been seen.
 */
export function createSessionJudge(): JudgeSessions {
  let known: ReadonlyMap<string, Ended> = new Map();
  let knownAhead: ReadonlyMap<string, Ahead> = new Map();
  return (peers, { nowSeconds, steadySeconds }) => {
    const ended = new Map<string, Ended>();
    const ahead = new Map<string, Ahead>();
    /** When the peer is looked at, by the clock that its handshake has the time of. */
    const timeOf = ({ publicKey, lastHandshake }: WireGuardPeerState): number => {
      if (secondsAhead({ lastHandshake }, nowSeconds) === 0) return nowSeconds;
      const before = knownAhead.get(publicKey);
      const isSame = before?.lastHandshake === lastHandshake;
      const seen = isSame ? before : { lastHandshake, sinceSeconds: steadySeconds };
      ahead.set(publicKey, seen);
      return lastHandshake + steadySeconds - seen.sinceSeconds;
    };
    const judged = peers.map((peer): JudgedPeer => {
      const session = sessionOf(peer, timeOf(peer));
      if (session !== "idle") return { peer, session };
      const memory = remember(peer, known.get(peer.publicKey), steadySeconds);
      ended.set(peer.publicKey, memory);
      const isCalled = steadySeconds - (memory.calledSeconds ?? steadySeconds) >= REPEAT_AFTER_SECONDS;
      return { peer, session: isCalled ? "unanswered" : session };
    });
    known = ended;
    knownAhead = ahead;
    return judged;
  };
}

function remember(
  { lastHandshake, sentBytes }: Seen,
  before: Ended | undefined,
  steadySeconds: number,
): Ended {
  const isSame = before?.lastHandshake === lastHandshake && sentBytes >= before.sentBytes;
  if (!isSame) return { lastHandshake, sentBytes };
  return sentBytes > before.sentBytes ? { calledSeconds: steadySeconds, ...before } : before;
}
