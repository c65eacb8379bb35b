import { type Family, familyOf } from "../../net/address.ts";
import { type Connection, parseConnection } from "../../netlink/state/connection.ts";
import { deleteConnection, dumpConnections } from "../../netlink/state/conntrack.ts";
import {
  hasFamily,
  type HostPort,
  isAnyAddress,
  type PortBinding,
  PROTOCOL_NUMBERS,
} from "../../plan/pods/host-ports.ts";
import { removeAll } from "../socket/remove-all.ts";
import { listAddresses } from "../link/list-addresses.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import { walkConnections } from "./walk-connections.ts";

/**
 * Makes the kernel forget connections that lead astray because host ports have changed: it translates a
 * connection once, and one that keeps sending, as UDP does, would never come to the new pod, or never leave
 * the old one (kubernetes/kubernetes#102559).
 */
export interface ConnectionFlusher {
  /** These host ports lead to these pods from now on. */
  added(bindings: readonly PortBinding[]): void;
  /** These pods are gone. */
  removed(bindings: readonly PortBinding[]): void;
  /** What is still to be done is left undone. */
  stop(): void;
}

export interface ConnectionFlusherInput {
  readonly rtnetlink: NetlinkClient;
  readonly netfilter: NetlinkClient;
  /** Runs work later; gives the function that calls it off. */
  readonly after: (ms: number, work: () => void) => () => void;
  /** Nobody waits: see {@link PAUSE_MS}. */
  readonly onError: (error: unknown) => void;
}

/** What is to be looked for at one port. */
interface PortChange {
  readonly family: Family;
  readonly port: Pick<HostPort, "protocol" | "hostPort">;
  /** Where it leads now. */
  readonly targets: PortTarget[];
  /** Pods that it led to. */
  readonly formerAddresses: string[];
}

interface PortTarget {
  readonly port: HostPort;
  /** The pod's. */
  readonly address: string;
}

/**
 * For each port the kernel walks through its whole table, 262,144 buckets on most nodes: 9 ms in which that
 * CPU does nothing else, six times an ADD. So it is done after the ADD, one port after the other, and with a
 * pause that leaves most of the time to others.
 */
const PAUSE_MS = 50;

export function createConnectionFlusher(input: ConnectionFlusherInput): ConnectionFlusher {
  const { rtnetlink, netfilter, after, onError } = input;
  const changes = new Map<string, PortChange>();
  let isRunning = false;
  let cancel = (): void => undefined;

  const forget = async ({ family, port, targets, formerAddresses }: PortChange): Promise<void> => {
    const former = new Set(formerAddresses);
    const local = new Set((await listAddresses(rtnetlink)).map(({ address }) => address));
    const filter = { family, protocol: PROTOCOL_NUMBERS[port.protocol], destinationPort: port.hostPort };
    const isStale = (connection: Connection): boolean =>
      former.has(connection.replySource) ||
      targets.some((target) => isAstray(connection, { ...target, local }));
    await walkConnections(netfilter, dumpConnections(filter), (payloads) =>
      removeAll(netfilter, payloads.map(parseConnection).filter(isStale).map(deleteConnection)),
    );
  };
  const next = (): void => {
    const [entry] = changes;
    isRunning = entry !== undefined;
    if (entry === undefined) return;
    const [key, change] = entry;
    changes.delete(key);
    void forget(change)
      .catch(onError)
      .then(() => {
        cancel = after(PAUSE_MS, next);
      });
  };
  const changeOf = (family: Family, port: HostPort): PortChange => {
    const key = `${family} ${port.protocol} ${port.hostPort}`;
    const change = changes.get(key) ?? { family, port, targets: [], formerAddresses: [] };
    changes.set(key, change);
    return change;
  };
  const note = (
    bindings: readonly PortBinding[],
    take: (change: PortChange, target: PortTarget) => void,
  ): void => {
    for (const { addresses, hostPorts } of bindings) {
      for (const address of addresses) {
        const family = familyOf(address);
        for (const port of hostPorts)
          if (hasFamily(port, family)) take(changeOf(family, port), { port, address });
      }
    }
    if (isRunning) return;
    isRunning = true;
    cancel = after(PAUSE_MS, next);
  };

  return {
    added: (bindings) => note(bindings, ({ targets }, target) => targets.push(target)),
    removed: (bindings) =>
      note(bindings, ({ formerAddresses }, { address }) => formerAddresses.push(address)),
    stop() {
      cancel();
      changes.clear();
    },
  };
}

interface Target extends PortTarget {
  /** Addresses of this node. */
  readonly local: ReadonlySet<string>;
}

/**
 * Whether a connection should have come to the pod, and does not. Those to other machines are none of ours
 * (CVE-2025-67499); a TCP connection that was never translated belongs to a process of the node, which was
 * there first.
 */
export function isAstray(connection: Connection, { port, address, local }: Target): boolean {
  const { protocol, destination, destinationPort, replySource } = connection;
  if (protocol !== PROTOCOL_NUMBERS[port.protocol] || destinationPort !== port.hostPort) return false;
  if (replySource === address) return false;
  if (!isAnyAddress(port.hostIp) && port.hostIp !== destination) return false;
  if (!local.has(destination) && !destination.startsWith("127.")) return false;
  return port.protocol !== "tcp" || replySource !== destination;
}
