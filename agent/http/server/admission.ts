/** How much of the agent may go into HTTP, whoever asks. */
export interface HttpLimits {
  /** Connections that are open at a time; one more ends the oldest. */
  readonly open: number;
  readonly openPerPeer: number;
  /**
   * From one connection that is taken to the next: more wait in the kernel's queue, whose end drops what
   * comes. Connections that are taken together delay a pod by all their answers.
   */
  readonly gapMs: number;
  /** A connection's time, from the first byte to the last: a scraper needs a few milliseconds. */
  readonly deadlineMs: number;
}

/** Decides which connections are served. One for each listening socket. */
export interface Admission {
  /** Whether a connection of this peer is served; then `left` is called when it ends. */
  admit(peer: string): boolean;
  left(peer: string): void;
}

export function createAdmission({ openPerPeer }: Pick<HttpLimits, "openPerPeer">): Admission {
  const open = new Map<string, number>();
  return {
    admit(peer) {
      const opened = open.get(peer) ?? 0;
      if (opened >= openPerPeer) return false;
      open.set(peer, opened + 1);
      return true;
    },
    left(peer) {
      const opened = (open.get(peer) ?? 1) - 1;
      if (opened === 0) open.delete(peer);
      else open.set(peer, opened);
    },
  };
}

/**
 * Who is one peer: an IPv4 address, or a /64, of which a host may have any number of addresses. `address` is
 * canonical.
 */
export function peerOf(address: string): string {
  if (!address.includes(":")) return address;
  const [front = ""] = address.split("::");
  const words = front === "" ? [] : front.split(":");
  return [...words, "0", "0", "0", "0"].slice(0, 4).join(":");
}
