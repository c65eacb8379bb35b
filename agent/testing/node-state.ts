import { runOnHost } from "./netns.ts";

/** Everything of a network namespace that an agent, a shim or a pod may leave something in. */
const DUMPS = [
  "ip -o link",
  "ip -o address",
  "ip route show table all",
  "ip -6 route show table all",
  // Neighbours that the kernel knows by itself (multicast) are not shown without "nud all".
  "ip neighbour",
  "bridge fdb",
  "nft list ruleset",
];

/**
 * The host's network as text, by command, to be compared with that of another time. Without what follows from the presence of ports: whether
 * the bridge has a carrier is the kernel's business, and it tells a moment later.
 */
export async function dumpNodeState(): Promise<string> {
  const script = DUMPS.map((command) => `echo '# ${command}'; ${command}`).join("\n");
  const state = await runOnHost("sh", "-ec", script);
  return state
    .replaceAll(/NO-CARRIER,|,?LOWER_UP| state [A-Z]+| linkdown|, ?DORMANT/g, "")
    .replaceAll(/ +$/gm, "");
}
