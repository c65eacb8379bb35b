import { Counter, Gauge, type Registry } from "prom-client";
import { PEER_SESSIONS, sessionOf } from "../plan/encryption/peer-session.ts";
import type { WireGuardState } from "../plan/encryption/wireguard.ts";

/** The WireGuard device as the kernel has it; undefined where nothing is encrypted. */
export type ReadEncryption = () => Promise<WireGuardState | undefined>;

/** `nowSeconds`: Unix time. */
export function registerEncryption(register: Registry, read: ReadEncryption, nowSeconds: () => number): void {
  // Both are collected together, from one reading.
  let reading: Promise<WireGuardState | undefined> | undefined;
  const peers = async (): Promise<WireGuardState["peers"]> => {
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return (await reading)?.peers ?? [];
  };
  new Gauge({
    name: "causeway_encryption_peers",
    help: "Other nodes with a WireGuard key, by their session: live (a handshake in the last 3 minutes), idle (nothing to send), unanswered (called, and has never answered).",
    labelNames: ["session"] as const,
    registers: [register],
    async collect() {
      const sessions = (await peers()).map((peer) => sessionOf(peer, nowSeconds()));
      for (const session of PEER_SESSIONS)
        this.set({ session }, sessions.filter((found) => found === session).length);
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
        all.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0),
      );
      this.inc(
        { direction: "sent" },
        all.reduce((sum, { sentBytes }) => sum + sentBytes, 0),
      );
    },
  });
}
