import assert from "node:assert/strict";
import { BRIDGE } from "./floor.ts";
import { show } from "./machine.ts";
import type { Program } from "./program.ts";

/** What differs between two attachments by nature: their names, numbers and addresses. */
const OWN = new Set([
  "ifindex",
  "link",
  "link_index",
  "ifname",
  "dev",
  "address",
  "local",
  "lladdr",
  "dst",
  "mac",
  "link_netnsid",
]);
const CHANGING = new Set([
  "valid_life_time",
  "preferred_life_time",
  "forward_delay_timer",
  "confirmed",
  "used",
  "updated",
  "probes",
  "refcnt",
]);

/**
 * Throws unless the first pod of both programs has the same network in the kernel: links, port flags,
 * forwarding entries, neighbours, addresses and routes, but for names, numbers and addresses. Otherwise the
 * raw floor would not be one for our agent.
 */
export function checkSameState(ours: Program, floor: Program): void {
  assert.deepEqual(
    describeAttachment(ours),
    describeAttachment(floor),
    "Cannot compare with the raw floor: the agent leaves another state in the kernel",
  );
}

function describeAttachment({ host }: Program): unknown {
  const pod = host.podNetns[0] ?? "";
  const [addresses] = show(pod, "ip", "address", "show", "eth0") as {
    addr_info: { local: string; scope: string }[];
  }[];
  const podAddresses = (addresses?.addr_info ?? [])
    .filter(({ scope }) => scope === "global")
    .map(({ local }) => local);
  const [link] = show(pod, "ip", "link", "show", "eth0") as { address: string }[];
  const mac = link?.address ?? "";
  const entries = show(host.netns, "bridge", "fdb", "show", "br", BRIDGE) as {
    mac: string;
    ifname: string;
  }[];
  const hostLink = entries.find((entry) => entry.mac === mac)?.ifname ?? "";
  return {
    podLink: describe(show(pod, "ip", "-details", "address", "show", "eth0")),
    podRoutes: ["-4", "-6"].map((family) =>
      describe(show(pod, "ip", family, "-details", "route", "show", "table", "main")),
    ),
    podNeighbours: describe(show(pod, "ip", "neighbour", "show", "nud", "permanent")),
    hostLink: describe(show(host.netns, "ip", "-details", "link", "show", hostLink), ["ifalias"]),
    port: describe(show(host.netns, "bridge", "-details", "link", "show", "dev", hostLink)),
    forwarding: describe(entries.filter((entry) => entry.mac === mac)),
    neighbours: podAddresses.map((address) =>
      describe(show(host.netns, "ip", "neighbour", "show", "to", address, "nud", "permanent")),
    ),
    routes: podAddresses.map((address) =>
      describe(show(host.netns, "ip", "-details", "route", "show", address)),
    ),
  };
}

/** Alternative names begin with the link's, and one ends with the time of its birth: as many as there are. */
const COUNTED = new Set(["altnames"]);

/** Without what differs by nature. */
function describe(values: readonly unknown[], alsoOwn: readonly string[] = []): unknown {
  const isCompared = (key: string): boolean => !OWN.has(key) && !CHANGING.has(key) && !alsoOwn.includes(key);
  return JSON.parse(JSON.stringify(values), (name, value: unknown) => {
    if (COUNTED.has(name) && Array.isArray(value)) return value.length;
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).filter(([key]) => isCompared(key)));
  });
}
