import { Counter, Gauge, type Registry } from "prom-client";
import type { JudgedPeer } from "../plan/encryption/judge-sessions.ts";
import { PEER_SESSIONS } from "../plan/encryption/peer-session.ts";

/** Peers of the WireGuard device; none where nothing is encrypted. */
export type ReadSessions = () => Promise<readonly JudgedPeer[]>;

/** This node's key; undefined while it has none. */
export type ReadKey = () => { readonly ageMs: number; readonly rotation: object | undefined } | undefined;

export interface EncryptionState {
  readonly sessions: ReadSessions;
  readonly key: ReadKey;
}

export function registerEncryption(register: Registry, { sessions: read, key }: EncryptionState): void {
  registerKey(register, key);
  // Both are collected together, from one reading.
  let reading: ReturnType<ReadSessions> | undefined;
  const peers: ReadSessions = async () => {
    reading ??= read().finally(() => {
      reading = undefined;
    });
    // A node that rotates its keys is a second peer, without a prefix, under the next one.
    return (await reading).filter(({ peer }) => peer.allowedIps.length > 0);
  };
  new Gauge({
    name: "causeway_encryption_peers",
    help: "Other nodes with a WireGuard key, by their session: live (a handshake in the last 3 minutes), idle (nothing to send), unanswered (called, and has not answered).",
    labelNames: ["session"] as const,
    registers: [register],
    async collect() {
      const all = await peers();
      for (const session of PEER_SESSIONS)
        this.set({ session }, all.filter((found) => found.session === session).length);
    },
  });
  new Counter({
    name: "causeway_encryption_bytes_total",
    help: "Bytes of WireGuard's messages with other nodes that have a key now, by direction.",
    labelNames: ["direction"] as const,
    registers: [register],
    async collect() {
      const all = await peers();
      this.reset();
      this.inc(
        { direction: "received" },
        all.reduce((sum, { peer }) => sum + peer.receivedBytes, 0),
      );
      this.inc(
        { direction: "sent" },
        all.reduce((sum, { peer }) => sum + peer.sentBytes, 0),
      );
    },
  });
}

/** Without a key there is no sample. */
function registerKey(register: Registry, read: ReadKey): void {
  const gauge = (
    name: string,
    help: string,
    value: (key: NonNullable<ReturnType<ReadKey>>) => number,
  ): void => {
    new Gauge({
      name,
      help,
      registers: [register],
      collect() {
        const key = read();
        if (key === undefined) this.remove();
        else this.set(value(key));
      },
    });
  };
  gauge(
    "causeway_encryption_key_age_seconds",
    "Age of this node's WireGuard key.",
    ({ ageMs }) => ageMs / 1000,
  );
  gauge(
    "causeway_encryption_key_rotating",
    "1 while this node's WireGuard key is being replaced, else 0.",
    ({ rotation }) => (rotation === undefined ? 0 : 1),
  );
}
