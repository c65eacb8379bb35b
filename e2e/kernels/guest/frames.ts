import { run } from "./guest-node.ts";

/** Frames that came in by the uplink, by what carries packets of pods; "pods": nothing does. */
export type FrameCounts = Readonly<Record<"pods" | "vxlan" | "wireguard", number>>;

const TABLE = "netdev frames";

/** Counts from now on; anew when it counted already. */
export function countFrames(): void {
  run(`nft -f - <<'END'
add table ${TABLE}
delete table ${TABLE}
table ${TABLE} {
  counter pods { }
  counter vxlan { }
  counter wireguard { }
  chain uplink {
    type filter hook ingress device up0 priority 0;
    ip saddr 10.244.0.0/16 counter name pods
    ip6 saddr fd00:10:244::/48 counter name pods
    udp dport 4789 counter name vxlan
    udp dport 51820 counter name wireguard
  }
}
END`);
}

export function readFrames(): FrameCounts {
  const listed = run(`nft list counters table ${TABLE}`);
  const count = (name: string): number =>
    Number(new RegExp(`counter ${name} \\{\\s+packets (\\d+)`).exec(listed)?.[1]);
  return { pods: count("pods"), vxlan: count("vxlan"), wireguard: count("wireguard") };
}
