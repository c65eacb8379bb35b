import { ip, run } from "../machine.ts";
import type { Network } from "./networks.ts";
import { CABLE } from "./site.ts";

const REPEATS = 5;
const LINKS = 10;

/** Of RFC 2544; each connection comes from an address and port of its own. */
const SOURCES = "198.18.0.0/15";

/** Takes also what gets no answer, which the agent's own flow table does not: so that one is soon full. */
const UNANSWERED_FLOWS = `table inet by-hand {
  flowtable unanswered { hook ingress priority 1; devices = { ${CABLE} }; }
  chain forward {
    type filter hook forward priority 10;
    meta l4proto udp flow add @unanswered
  }
}`;

/** How long a veth of the node, no pod's, takes to go down at both ends: the least of some. */
export interface LinkDown {
  readonly connections: number;
  readonly milliseconds: number;
}

/** With so many connections, ascending numbers, in the flow table of a network's first node. */
export function measureLinkDown({ near, paths }: Network, counts: readonly number[]): LinkDown[] {
  const { address = "" } = paths["same node"] ?? {};
  ip([`route replace local ${SOURCES} dev lo`, `route replace ${address} via ${near.address}`]);
  run(["ip", "netns", "exec", near.netns, "nft", "-f", "-"], UNANSWERED_FLOWS);
  const flood = new URL("../../dist/bench/flood", import.meta.url).pathname;
  return counts.map((connections) => {
    // A connection is in the table from its second packet on.
    for (let packet = 0; packet < 2; packet++) run([flood, address, "20000", String(connections), "0"]);
    const times = Array.from({ length: REPEATS }, () => timeLinkDown(near.netns));
    return { connections, milliseconds: Math.min(...times) };
  });
}

/** Milliseconds for each of {@link LINKS}, so that starting a process does not count. */
function timeLinkDown(netns: string): number {
  const pairs = Array.from({ length: LINKS }, (_, link) => [`other${link}`, `peer${link}`] as const);
  const ends = pairs.flat();
  ip(
    [
      ...pairs.map(([link, peer]) => `link add ${link} type veth peer name ${peer}`),
      ...ends.map((link) => `link set ${link} up`),
    ],
    netns,
  );
  const start = performance.now();
  ip(
    ends.map((link) => `link set ${link} down`),
    netns,
  );
  const milliseconds = (performance.now() - start) / LINKS;
  ip(
    pairs.map(([link]) => `link delete ${link}`),
    netns,
  );
  return milliseconds;
}
