import { constants } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { Addon } from "../addon.ts";
import { checked } from "../system-error.ts";
import {
  AF_INET,
  encodeSocketAddress,
  familyOfBytes,
  IPPROTO_IP,
  IPPROTO_IPV6,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
} from "./socket-address.ts";

/** A UDP packet that no router may cut, to a port on which nothing listens. */
export interface PathProbe {
  /** Address as bytes in network order: 4 or 16. */
  readonly address: Uint8Array;
  /** Of the whole IP packet, in bytes. */
  readonly size: number;
}

/**
 * "answered": the other end has it, and says that nothing listens. "too big": this host or a router says so.
 */
export type PathAnswer = "answered" | "too big" | "no answer";

/** linux/in.h and linux/in6.h, the same on all architectures on which Node.js runs under Linux. */
const IP_MTU_DISCOVER = 10;
const IPV6_MTU_DISCOVER = 23;
/** Never cut, and ask the path anew instead of what is known of it: IP_PMTUDISC_PROBE. */
const PMTUDISC_PROBE = 3;

/** First port of traceroute(8), where nothing listens by convention. */
const PROBE_PORT = 33_434;
const IP_AND_UDP_BYTES: Readonly<Record<number, number>> = { 4: 28, 16: 48 };
const POLL_MS = 5;
const ROUNDS = 2;

const { EAGAIN, ECONNREFUSED, EINTR, EMSGSIZE } = constants.errno;

/**
 * Sends all probes at once, those without an answer once more after half the time, and tells what came of
 * each, in order. Each has a socket of its own, by which the answers are told apart. Hosts answer some six
 * packets at once and one a second after that (icmp_ratelimit).
 */
export async function probePaths(
  addon: Addon,
  probes: readonly PathProbe[],
  timeoutMs: number,
): Promise<PathAnswer[]> {
  const open: OpenProbe[] = probes.map((probe) => ({
    probe,
    fd: connectProbe(addon, probe),
    answer: undefined,
  }));
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const waiting = open.filter(({ answer }) => answer === undefined);
      for (const entry of waiting) entry.answer = sendProbe(addon, entry.fd, entry.probe);
      const deadlineMs = performance.now() + timeoutMs / ROUNDS;
      while (waiting.some(({ answer }) => answer === undefined) && performance.now() < deadlineMs) {
        await delay(POLL_MS);
        for (const entry of waiting) entry.answer ??= receiveAnswer(addon, entry.fd);
      }
    }
    return open.map(({ answer }) => answer ?? "no answer");
  } finally {
    for (const { fd } of open) if (fd >= 0) addon.close(fd);
  }
}

interface OpenProbe {
  readonly probe: PathProbe;
  readonly fd: number;
  answer: PathAnswer | undefined;
}

/** A negative error number where there is no way to the address. */
function connectProbe(addon: Addon, { address }: PathProbe): number {
  const family = familyOfBytes(address);
  const fd = checked("probe a path", "socket", addon.socket(family, SOCK_DGRAM | SOCK_NONBLOCK, 0));
  const [level, option] =
    family === AF_INET ? [IPPROTO_IP, IP_MTU_DISCOVER] : [IPPROTO_IPV6, IPV6_MTU_DISCOVER];
  const result = addon.setOption(fd, level, option, PMTUDISC_PROBE);
  const connected =
    result < 0 ? result : addon.connect(fd, encodeSocketAddress({ address, port: PROBE_PORT }));
  if (connected >= 0) return fd;
  addon.close(fd);
  return connected;
}

function sendProbe(addon: Addon, fd: number, { address, size }: PathProbe): PathAnswer | undefined {
  if (fd < 0) return "no answer";
  const payload = Buffer.alloc(Math.max(0, size - (IP_AND_UDP_BYTES[address.length] ?? 0)));
  return answerOf(addon.send(fd, payload));
}

const incoming = Buffer.alloc(16);

function receiveAnswer(addon: Addon, fd: number): PathAnswer | undefined {
  return fd < 0 ? "no answer" : answerOf(addon.receive(fd, incoming, []));
}

/** An answer of ICMP is an error of the next system call on the socket. */
function answerOf(result: number): PathAnswer | undefined {
  if (result === -ECONNREFUSED) return "answered";
  if (result === -EMSGSIZE) return "too big";
  return result >= 0 || result === -EAGAIN || result === -EINTR ? undefined : "no answer";
}
