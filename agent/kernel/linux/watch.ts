import { TABLE_NAME } from "../../plan/nft/nft-table.ts";
import type { Kernel } from "../kernel.ts";
import type { Generations } from "../nft/generations.ts";
import { watchNftables } from "../nft/watch-nftables.ts";
import type { Peers } from "../peer/ensure-peers.ts";
import type { PolicyKernel } from "../policy/policy-kernel.ts";
import { POLICY_TABLE } from "../policy/table/base-table.ts";
import type { Native } from "../socket/native.ts";
import { type LinkRole, watchKernel } from "../link/watch-kernel.ts";
import type { UnderlayObserver } from "../uplink/underlay.ts";
import type { WireGuardKernel } from "../wireguard/wireguard-kernel.ts";
import type { LinuxContext } from "./context.ts";

export interface WatchInput extends Pick<LinuxContext, "bridge" | "hostLinks" | "nftables"> {
  readonly native: Pick<Native, "openNetlink" | "watch" | "close">;
  readonly generations: Generations;
  readonly policy: PolicyKernel;
  readonly peers: Peers;
  readonly wireguard: Pick<WireGuardKernel, "hasDevice">;
  readonly underlay: UnderlayObserver;
}

/** Listens to what the kernel tells of links, routes and tables. */
export function createWatch(input: WatchInput): Kernel["watch"] {
  const { native, bridge, hostLinks, nftables, generations, policy, peers, wireguard, underlay } = input;
  const roleOf = (index: number): LinkRole => {
    if (hostLinks.isPodIndex(index)) return "pod";
    if (index === bridge.link?.index) return "bridge";
    if (peers.hasTunnel(index) || wireguard.hasDevice(index)) return "tunnel";
    return underlay.concerns(index) ? "uplink" : "foreign";
  };
  return (onChange) => {
    const links = watchKernel(native, {
      roleOf,
      bridgeAlias: () => bridge.alias,
      leadsToNodes: underlay.leadsToNodes,
      isRouted: peers.isRouted,
      onChange(concern) {
        if (concern === "node") underlay.forget();
        onChange(concern);
      },
    });
    const tables = watchNftables(native, {
      tables: new Map([
        [TABLE_NAME, { verifiedGeneration: nftables.verifiedGeneration, onChange: () => onChange("node") }],
        [POLICY_TABLE.table, { ...policy, onChange: () => onChange("policies") }],
      ]),
      onCommit: generations.notice,
      onForeign: () => onChange("filters"),
    });
    return {
      rearm: links.rearm,
      stop() {
        links.stop();
        tables.stop();
      },
    };
  };
}
