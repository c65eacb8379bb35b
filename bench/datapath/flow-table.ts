import { type Host, run, show } from "../machine.ts";
import { CABLE } from "./site.ts";

/**
 * Where on a node flow tables take packets, besides the cable: at the bridge, behind its guard, or at its
 * ports, before it.
 */
export type FlowTablePlace = "bridge" | "ports";

/**
 * Gives a node an nftables flow table that takes every connection. Throws where the kernel has none, or, of
 * the bridge's ports, before Linux 5.13.
 */
export function addFlowTable({ netns }: Host, place: FlowTablePlace): void {
  const links = show(netns, "ip", "link", "show", "master", "cw0") as { readonly ifname: string }[];
  const devices = [CABLE, ...(place === "bridge" ? ["cw0"] : links.map(({ ifname }) => ifname))];
  run(
    ["ip", "netns", "exec", netns, "nft", "-f", "-"],
    `table inet by-hand {
      flowtable established { hook ingress priority 0; devices = { ${devices.join(", ")} }; }
      chain forward {
        type filter hook forward priority 10;
        meta l4proto { tcp, udp } flow add @established
      }
    }`,
  );
}
