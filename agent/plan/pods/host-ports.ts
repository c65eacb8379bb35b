import { type Family, familyOf } from "../../net/address.ts";

/** Transport protocols that have ports, as CNI and nftables call them. */
export const PROTOCOLS = ["tcp", "udp", "sctp"] as const;

export type Protocol = (typeof PROTOCOLS)[number];

/**
 * Numbers of the protocols (IPPROTO_* of netinet/in.h): a name is what some file of the machine makes of
 * them.
 */
export const PROTOCOL_NUMBERS: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

/** One port of the node that leads to a port of a pod. */
export interface HostPort {
  readonly protocol: Protocol;
  readonly hostPort: number;
  readonly containerPort: number;
  /** Address of the node, canonical; "0.0.0.0" and "::" are all of a family, undefined is all of both. */
  readonly hostIp: string | undefined;
}

/** Host ports of one attachment. */
export interface PortBinding {
  readonly hostLink: string;
  readonly containerId: string;
  /** The pod's addresses. */
  readonly addresses: readonly string[];
  readonly hostPorts: readonly HostPort[];
}

/** Element of a map or set of ours: text for addresses and protocols, numbers for ports. */
export interface PortElement {
  readonly set: string;
  readonly key: readonly (string | number)[];
  /** Empty in a set. */
  readonly value: readonly (string | number)[];
  readonly comment: string;
}

const ANY: Readonly<Record<Family, string>> = { 4: "0.0.0.0", 6: "::" };

/** NFTNL_UDATA_COMMENT_MAXLEN of libnftnl, less the final NUL. */
const MAX_COMMENT_LENGTH = 127;

/** Whether a host port is one of all the node's addresses of a family. */
export function isAnyAddress(hostIp: string | undefined): boolean {
  return hostIp === undefined || hostIp === ANY[4] || hostIp === ANY[6];
}

export function hasFamily({ hostIp }: HostPort, family: Family): boolean {
  return hostIp === undefined || familyOf(hostIp) === family;
}

/** Whether a packet may be for both: then only one can have it. */
export function overlaps(a: HostPort, b: HostPort): boolean {
  if (a.protocol !== b.protocol || a.hostPort !== b.hostPort) return false;
  return ([4, 6] as const).some((family) => {
    if (!hasFamily(a, family) || !hasFamily(b, family)) return false;
    return a.hostIp === b.hostIp || isAnyAddress(a.hostIp) || isAnyAddress(b.hostIp);
  });
}

/**
 * Whether one attachment cannot have both: some packet would be for both equally. One address goes before all
 * of them.
 */
export function clashes(a: HostPort, b: HostPort): boolean {
  return overlaps(a, b) && isAnyAddress(a.hostIp) === isAnyAddress(b.hostIp);
}

/** Whether packets of the node to 127.0.0.0/8 may be for a pod, which takes route_localnet on the bridge. */
export function needsLocalnet({ hostIp }: HostPort): boolean {
  return hostIp === undefined || hostIp === ANY[4] || hostIp.startsWith("127.");
}

/** `tcp 192.0.2.1:8080`, as messages name a host port. */
export function describeHostPort({ protocol, hostIp, hostPort }: HostPort): string {
  const address = hostIp?.includes(":") === true ? `[${hostIp}]` : (hostIp ?? "*");
  return `${protocol} ${address}:${hostPort}`;
}

/**
 * What the maps hold for one attachment: for each port and family the pod's address, and for each address
 * with a port the pair by which a pod that reaches itself is known. The comment names the attachment, for
 * people: `HOST_LINK CONTAINER_ID`.
 */
export function planPortElements(binding: PortBinding): readonly PortElement[] {
  const { hostLink, containerId, addresses, hostPorts } = binding;
  const comment = `${hostLink} ${containerId}`.slice(0, MAX_COMMENT_LENGTH);
  return addresses.flatMap((address) => {
    const family = familyOf(address);
    const ports = hostPorts.filter((port) => hasFamily(port, family));
    if (ports.length === 0) return [];
    const dnats = ports.map(({ protocol, hostIp, hostPort, containerPort }): PortElement => {
      const value = [address, containerPort];
      if (hostIp === undefined || isAnyAddress(hostIp))
        return { set: `ports${family}`, key: [protocol, hostPort], value, comment };
      return { set: `addressports${family}`, key: [hostIp, protocol, hostPort], value, comment };
    });
    return dnats.concat({ set: `hairpin${family}`, key: [address, address], value: [], comment });
  });
}

/**
 * As {@link formatFields} of netlink/nft-values.ts gives it back, and as nft reads it wherever it runs:
 * protocols by number.
 */
export function formatPortElement({ key, value, comment }: PortElement): string {
  const data = value.length === 0 ? "" : ` : ${formatPortKey(value)}`;
  return `${formatPortKey(key)} comment "${comment}"${data}`;
}

/** Fields of an element's key or value, as nft reads them. */
export function formatPortKey(fields: PortElement["key"]): string {
  const names: Readonly<Record<string, number>> = PROTOCOL_NUMBERS;
  return fields.map((field) => names[field] ?? field).join(" . ");
}
