import { type Family, familyOf } from "../../net/address.ts";
import { addressType, keywordOf } from "../nft/nft-family.ts";
import type { NftChain, NftSet } from "../nft/nft-table.ts";
import type { RulesetInput } from "./ruleset-input.ts";

/**
 * After kube-proxy, which translates destinations at NF_IP_PRI_NAT_DST (-100) with iptables and with
 * nftables: what it has taken for a service stays one, since a connection is translated once.
 * docs/dataplane.md has the argument.
 */
const PRIORITY_HOST_PORTS = -90;

/** What the names of chains of host ports begin with. */
export const HOST_PORT_CHAINS = "hostports-";

/**
 * A port of the node leads to a pod, whoever asks: another machine, a pod, or the node itself. One look-up
 * for ports of one address and one for those of all, however many there are. `fib daddr type`: the same port
 * of any other machine is none of ours (CVE-2025-67499), nor is one of a service whose address IPVS has
 * made local.
 */
export function planHostPorts(families: readonly Family[]): readonly NftChain[] {
  return families.length === 0
    ? []
    : (["prerouting", "output"] as const).map((hook) => planChain(hook, families));
}

function planChain(hook: "prerouting" | "output", families: readonly Family[]): NftChain {
  const rules = families.flatMap((family) => {
    const ip = keywordOf(family);
    const port = "meta l4proto . th dport";
    return [
      {
        name: `address${family}`,
        text: `dnat ${ip} to ${ip} daddr . ${port} map @addressports${family}`,
      },
      {
        name: `any${family}`,
        text: `${ip} daddr != @services${family} dnat ${ip} to ${port} map @ports${family}`,
      },
    ];
  });
  return {
    name: `${HOST_PORT_CHAINS}${hook}`,
    type: "nat",
    hook,
    priority: PRIORITY_HOST_PORTS,
    // One look for all rules and families: it is most of what a new connection costs here.
    rules: [{ name: "elsewhere", text: "fib daddr type != local accept" }, ...rules],
  };
}

/**
 * Nothing that goes to ::1 is forwarded: a port there is that of a program of the node, whatever pods have
 * (containers/podman#12690).
 */
const NEVER_HOST_PORTS: readonly string[] = ["::1"];

/** Maps of host ports, whose elements are each attachment's own: see {@link withElements}. */
export function planPortSets(family: Family, { serviceAddresses }: RulesetInput): readonly NftSet[] {
  const address = addressType(family);
  const port = "inet_proto . inet_service";
  const values = `${address} . inet_service`;
  const common = { isInterval: false, elements: [] };
  return [
    { ...common, name: `addressports${family}`, type: `${address} . ${port}`, values },
    { ...common, name: `ports${family}`, type: port, values },
    {
      ...common,
      name: `services${family}`,
      type: address,
      values: undefined,
      elements: [...NEVER_HOST_PORTS, ...serviceAddresses].filter(
        (candidate) => familyOf(candidate) === family,
      ),
    },
    { ...common, name: `hairpin${family}`, type: `${address} . ${address}`, values: undefined },
  ];
}
