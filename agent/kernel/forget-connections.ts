import { type Family, familyOf } from "../net/address.ts";
import {
  type Connection,
  type ConnectionFilter,
  deleteConnection,
  dumpConnections,
  parseConnection,
} from "../netlink/conntrack.ts";
import { hasFamily, type HostPort, isAnyAddress, type PortBinding } from "../plan/host-ports.ts";
import { removeAll } from "./detach-pods.ts";
import { listAddresses } from "./ensure-bridge.ts";
import { PROTOCOL_NUMBERS } from "./port-elements.ts";
import type { Rtnetlink } from "./rtnetlink.ts";

/**
 * Makes the kernel forget connections that lead astray because host ports have changed: it translates a connection once, and one that keeps
 * sending, as UDP does, would never come to the new pod, or never leave the old one (kubernetes/kubernetes#102559).
 */
export interface ConnectionKeeper {
  /** These host ports lead to these pods from now on. */
  added(bindings: readonly PortBinding[]): void;
  /** These pods are gone. */
  removed(bindings: readonly PortBinding[]): void;
  /** Resolves when all that was asked for is done. */
  whenIdle(): Promise<void>;
}

export interface ConnectionKeeperInput {
  readonly rtnetlink: Rtnetlink;
  readonly netfilter: Rtnetlink;
  /** Nobody waits: each look goes through the kernel's whole table, which takes longer than an ADD. */
  readonly onError: (error: unknown) => void;
}

export function createConnectionKeeper({
  rtnetlink,
  netfilter,
  onError,
}: ConnectionKeeperInput): ConnectionKeeper {
  /** One after the other, so that other work finds free threads. */
  let last: Promise<void> = Promise.resolve();
  const enqueue = (work: () => Promise<void>): void => {
    last = last.then(work).catch(onError);
  };

  const forget = async (
    family: Family,
    filter: ConnectionFilter,
    isStale: (connection: Connection) => boolean,
  ): Promise<void> => {
    const found = (await netfilter.dump(dumpConnections(family, filter))).map(parseConnection);
    await removeAll(netfilter, found.filter(isStale).map(deleteConnection));
  };

  return {
    added: (bindings) =>
      enqueue(async () => {
        const local = new Set((await listAddresses(rtnetlink)).map(({ address }) => address));
        for (const { addresses, hostPorts } of bindings) {
          for (const { family, port, address } of eachPort(addresses, hostPorts)) {
            const filter = { protocol: PROTOCOL_NUMBERS[port.protocol], destinationPort: port.hostPort };
            await forget(family, filter, (connection) => isAstray(connection, { port, address, local }));
          }
        }
      }),
    removed: (bindings) =>
      enqueue(async () => {
        for (const address of bindings.flatMap((binding) => binding.addresses)) {
          const family = familyOf(address);
          await forget(family, { replySource: address }, ({ replySource }) => replySource === address);
          await forget(family, { source: address }, ({ source }) => source === address);
        }
      }),
    whenIdle: () => last,
  };
}

function eachPort(addresses: readonly string[], hostPorts: readonly HostPort[]) {
  return addresses.flatMap((address) => {
    const family = familyOf(address);
    return hostPorts.filter((port) => hasFamily(port, family)).map((port) => ({ family, port, address }));
  });
}

interface Target {
  readonly port: HostPort;
  /** The pod's. */
  readonly address: string;
  /** Addresses of this node. */
  readonly local: ReadonlySet<string>;
}

/**
 * Whether a connection should have come to the pod, and does not. Those to other machines are none of ours (CVE-2025-67499); a TCP connection
 * that was never translated belongs to a process of the node, which was there first.
 */
export function isAstray(connection: Connection, { port, address, local }: Target): boolean {
  const { protocol, destination, destinationPort, replySource } = connection;
  if (protocol !== PROTOCOL_NUMBERS[port.protocol] || destinationPort !== port.hostPort) return false;
  if (replySource === address) return false;
  if (!isAnyAddress(port.hostIp) && port.hostIp !== destination) return false;
  if (!local.has(destination) && !destination.startsWith("127.")) return false;
  return port.protocol !== "tcp" || replySource !== destination;
}
