import { readS32 } from "../package.ts";
import { type Attribute, nested, u32Attribute } from "../message/attributes.ts";
import {
  AF_INET,
  IFLA_INET_CONF,
  IPV4_DEVCONF_ACCEPT_LOCAL,
  IPV4_DEVCONF_ACCEPT_REDIRECTS,
  IPV4_DEVCONF_ARP_ANNOUNCE,
  IPV4_DEVCONF_ARP_IGNORE,
  IPV4_DEVCONF_FORWARDING,
  IPV4_DEVCONF_PROXY_ARP,
  IPV4_DEVCONF_ROUTE_LOCALNET,
  IPV4_DEVCONF_RP_FILTER,
  IPV4_DEVCONF_SECURE_REDIRECTS,
  IPV4_DEVCONF_SEND_REDIRECTS,
} from "../constants.ts";

/** IPv4 settings of one link, under the names of /proc/sys/net/ipv4/conf/LINK. */
const INDICES = {
  forwarding: IPV4_DEVCONF_FORWARDING,
  proxy_arp: IPV4_DEVCONF_PROXY_ARP,
  accept_redirects: IPV4_DEVCONF_ACCEPT_REDIRECTS,
  secure_redirects: IPV4_DEVCONF_SECURE_REDIRECTS,
  send_redirects: IPV4_DEVCONF_SEND_REDIRECTS,
  rp_filter: IPV4_DEVCONF_RP_FILTER,
  arp_announce: IPV4_DEVCONF_ARP_ANNOUNCE,
  arp_ignore: IPV4_DEVCONF_ARP_IGNORE,
  accept_local: IPV4_DEVCONF_ACCEPT_LOCAL,
  route_localnet: IPV4_DEVCONF_ROUTE_LOCALNET,
} as const;

export type InetConfName = keyof typeof INDICES;
export type InetConf = Readonly<Partial<Record<InetConfName, number>>>;

const entries = Object.entries(INDICES) as readonly (readonly [InetConfName, number])[];

/** The AF_INET part of IFLA_AF_SPEC. Needs no writable /proc/sys. */
export function inetConfAttribute(conf: InetConf): Attribute {
  const settings = entries.flatMap(([name, index]) => {
    const value = conf[name];
    return value === undefined ? [] : [u32Attribute(index, value)];
  });
  return nested(AF_INET, nested(IFLA_INET_CONF, ...settings));
}

/** The kernel answers not with attributes but with an array of all settings; an older kernel's is shorter. */
export function parseInetConf(array: Buffer): InetConf {
  const conf: Partial<Record<InetConfName, number>> = {};
  for (const [name, index] of entries) {
    const offset = (index - 1) * 4;
    if (offset + 4 <= array.length) conf[name] = readS32.call(array, offset);
  }
  return conf;
}
