import { cidrContains } from "../../../net/cidr.ts";
import { resolveNames } from "../compile/sources.ts";
import type { Direction, Peer, Pod, Ports, Rule } from "../model.ts";
import { ALL_PODS, matchesLabels, matchesPod } from "../selectors.ts";
import type { PolicyEngine } from "../state/policy-engine.ts";
import type { Packet } from "./evaluate.ts";

/** A pod, and who is at the other end. */
export interface End {
  readonly engine: Pick<PolicyEngine, "objects" | "network">;
  readonly packet: Packet;
  readonly direction: Direction;
  readonly pod: Pod;
  readonly other: string;
  /** Pods that have the other end's address. */
  readonly peers: readonly Pod[];
}

export function matchesRule(end: End, { peers, ports }: Rule): boolean {
  if (peers === undefined) return matchesPorts(end, ports, end.peers);
  return peers.some((peer) => {
    const pods = podsOfPeer(end, peer);
    return pods !== undefined && matchesPorts(end, ports, pods);
  });
}

/**
 * Pods at the other end by which it is this peer; none where it is one by its address alone; undefined: it is
 * not.
 */
function podsOfPeer({ engine, other, peers }: End, peer: Peer): readonly Pod[] | undefined {
  const { namespaces, nodes } = engine.objects;
  switch (peer.kind) {
    case "networks": {
      const holds = peer.networks.some(
        ({ cidr, except }) => cidrContains(cidr, other) && !except.some((hole) => cidrContains(hole, other)),
      );
      return holds ? peers : undefined;
    }
    case "nodes": {
      const holds = [...nodes.values()].some(
        ({ addresses, labels }) => addresses.includes(other) && matchesLabels(peer.selector, labels),
      );
      return holds ? [] : undefined;
    }
    case "pods": {
      if (peer.selector.key === ALL_PODS.key) return isPodAddress(engine, other) ? peers : undefined;
      const pods = peers.filter((pod) => matchesPod(peer.selector, pod, namespaces.get(pod.namespace)));
      return pods.length > 0 ? pods : undefined;
    }
  }
}

function matchesPorts(
  { packet, direction, pod }: End,
  ports: Ports | undefined,
  peers: readonly Pod[],
): boolean {
  if (ports === undefined) return true;
  const { protocol, port } = packet;
  const isInRange = ports.ranges.some(
    (range) => range.protocol === protocol && range.first <= port && port <= range.last,
  );
  const destinations = direction === "ingress" ? [pod] : peers;
  return (
    isInRange ||
    destinations.some((destination) =>
      resolveNames(ports.names, destination.ports).some(
        (named) => named.protocol === protocol && named.port === port,
      ),
    )
  );
}

function isPodAddress({ network }: End["engine"], address: string): boolean {
  return network.cidrs.some((cidr) => cidrContains(cidr, address)) && !network.gateways.includes(address);
}
