import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { waitFor } from "../lib/wait-for.ts";
import type { ClusterLab, LabNode } from "./cluster-lab.ts";
import { ipBatch, uplinkLines, WORLD } from "./cluster-network.ts";
import { echoAll, reachAll } from "./reach.ts";

/**
 * Longest time from the damage until pods' traffic flows again: the promise is one second after the kernel's
 * notification.
 */
const LIMIT_MS = 1000;

/** What is damaged on n1, by a shell command in its namespace, and what tells that it is whole again. */
interface Damage {
  readonly name: string;
  readonly shell: string;
  /** Pods of these nodes must be reached again. */
  readonly peers: readonly ("n1" | "n2" | "n3" | "n4")[];
  /** Kind of the repair that is counted. */
  readonly kind: string;
}

const DAMAGES: readonly Damage[] = [
  {
    name: "route to a node of the subnet",
    shell: "ip route del 10.244.2.0/24",
    peers: ["n2"],
    kind: "route",
  },
  {
    name: "IPv6 route to a node of the subnet",
    shell: "ip -6 route del fd00:10:244:2::/64",
    peers: ["n2"],
    kind: "route",
  },
  { name: "route through the overlay", shell: "ip route del 10.244.3.0/24", peers: ["n3"], kind: "route" },
  {
    name: "all routes to other nodes",
    shell: "ip route flush proto 99; ip -6 route flush proto 99",
    peers: ["n2", "n3", "n4"],
    kind: "route",
  },
  {
    name: "a manager that drops foreign routes, twice",
    shell: "ip route flush proto 99; sleep 0.1; ip route flush proto 99",
    peers: ["n2", "n3"],
    kind: "route",
  },
  {
    name: "route that leads elsewhere",
    shell: "ip route replace blackhole 10.244.2.0/24 proto 99",
    peers: ["n2"],
    kind: "route",
  },
  {
    name: "neighbours of the overlay",
    shell: "ip neigh flush dev cw-vx nud permanent",
    peers: ["n3"],
    kind: "tunnel neighbour",
  },
  {
    name: "forwarding entries of the overlay",
    shell: "bridge fdb flush dev cw-vx",
    peers: ["n3"],
    kind: "tunnel forwarding entry",
  },
  { name: "VXLAN device deleted", shell: "ip link del cw-vx", peers: ["n3"], kind: "tunnel" },
  { name: "VXLAN device set down", shell: "ip link set cw-vx down", peers: ["n3"], kind: "tunnel" },
  {
    name: "VXLAN device's MAC",
    shell: "ip link set cw-vx address 02:00:00:00:00:02",
    peers: ["n3"],
    kind: "tunnel",
  },
  { name: "bridge deleted", shell: "ip link del cw0", peers: ["n1", "n2", "n3"], kind: "bridge" },
  { name: "bridge set down", shell: "ip link set cw0 down", peers: ["n1", "n2"], kind: "bridge" },
  { name: "gateways deleted", shell: "ip addr flush dev cw0", peers: ["n1", "n2", "n3"], kind: "address" },
  {
    name: "forwarding of the bridge",
    shell: "sysctl -qw net.ipv4.conf.cw0.forwarding=0",
    peers: ["n2"],
    kind: "bridge",
  },
  {
    name: "forwarding of the uplink",
    shell: "sysctl -qw net.ipv4.conf.up0.forwarding=0",
    peers: ["n2"],
    kind: "forwarding",
  },
  {
    name: "forwarding of everything",
    shell: "sysctl -qw net.ipv4.ip_forward=1; sysctl -qw net.ipv4.ip_forward=0",
    peers: ["n2", "n3"],
    kind: "bridge",
  },
  {
    name: "IPv6 forwarding",
    shell: "sysctl -qw net.ipv6.conf.all.forwarding=0",
    peers: ["n2", "n4"],
    kind: "forwarding",
  },
  { name: "all nftables rules", shell: "nft flush ruleset", peers: ["n1"], kind: "ruleset" },
  {
    name: "table of the masquerade",
    shell: "nft delete table inet causeway",
    peers: ["n2"],
    kind: "ruleset",
  },
];

/** Whatever somebody takes from a node is back before anybody calls. */
export function testRepairs(getLab: () => ClusterLab): void {
  describe("repairs", () => {
    const table: string[] = [];
    after(() => console.log(["", "damage on a node: traffic flows again after", ...table, ""].join("\n")));

    for (const { name, shell, peers, kind } of DAMAGES) {
      test(`${name}: traffic flows again within a second, and the repair is counted`, async () => {
        const lab = getLab();
        const n1 = lab.node("n1");
        const pods = peers.flatMap((peer) => lab.node(peer).pods[1].addresses);
        // What is outside knows no pods: it answers only what was masqueraded.
        const targets = kind === "ruleset" ? [...pods, ...WORLD] : pods;
        await reachAll(n1, targets);
        const [counted, logged] = [await countedRepairs(n1, kind), loggedRepairs(n1, kind)];
        await n1.run("sh", "-c", shell);
        const startMs = performance.now();
        await waitFor("the repair", () => loggedRepairs(n1, kind) > logged || undefined, {
          timeoutMs: 5000,
          intervalMs: 5,
        });
        await reachAll(n1, targets);
        const tookMs = Math.round(performance.now() - startMs);
        table.push(`${String(tookMs).padStart(6)} ms  ${name}`);
        assert.ok(tookMs < LIMIT_MS, `${tookMs} ms; the agent says: ${lastLines(n1)}`);
        assert.ok((await countedRepairs(n1, kind)) > counted);
        if (kind === "ruleset") assert.equal(await egressAddress(lab, n1), n1.place.addresses[0]);
      });
    }

    test("the uplink goes down and comes back as a network manager does it: routes follow, without a restart", async () => {
      const lab = getLab();
      const n1 = lab.node("n1");
      const targets = (["n2", "n3", "n4"] as const).flatMap((peer) => lab.node(peer).pods[1].addresses);
      await n1.run("ip", "link", "set", "up0", "down");
      await waitFor(
        "the reason in the log",
        () => /no link that is up carries this node's address 192.0.2.11/.test(n1.agent().log()) || undefined,
        { timeoutMs: 5000 },
      );
      assert.match(await n1.run("ip", "link", "show"), /cw-vx:/);
      await ipBatch(n1.netns, uplinkLines(n1.place));
      const startMs = performance.now();
      const wanted = [
        "10.244.2.0/24 via 192.0.2.12",
        "fd00:10:244:2::/64 via 2001:db8:2::12",
        "10.244.3.0/24",
      ];
      await waitFor(
        "the routes",
        async () => {
          const routes = await n1.run("sh", "-c", "ip route show proto 99; ip -6 route show proto 99");
          return wanted.every((route) => routes.includes(route)) || undefined;
        },
        { timeoutMs: 5000, intervalMs: 5 },
      );
      const tookMs = Math.round(performance.now() - startMs);
      table.push(`${String(tookMs).padStart(6)} ms  uplink down and up (its routes)`);
      assert.ok(tookMs < LIMIT_MS, `${tookMs} ms`);
      // The kernel itself waits a second or two until it uses its link-local address, and asks for neighbours
      // again.
      await reachAll(n1, targets);
    });
  });
}

function lastLines(node: LabNode): string {
  return node.agent().log().trim().split("\n").slice(-12).join("\n");
}

/** Lines of the log that tell of repairs: they come at once, while metrics are collected once a second. */
function loggedRepairs(node: LabNode, kind: string): number {
  const lines = node.agent().log().split("\n");
  return lines.filter((line) => line.includes("Repaired drift") && line.includes(`"${kind}"`)).length;
}

function countedRepairs(node: LabNode, kind: string): Promise<number> {
  return node.agent().metric("causeway_drift_repairs_total", { kind: kind.replaceAll(" ", "_") });
}

/** Under which address a server behind the router sees a pod of the node. */
async function egressAddress(lab: ClusterLab, node: LabNode): Promise<string | undefined> {
  const server = await lab.startWorldServer();
  try {
    return (await echoAll(node.pods[1].netns, [WORLD[0]])).get(WORLD[0]);
  } finally {
    await server.stop();
  }
}
