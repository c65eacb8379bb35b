import { familyOf } from "../../net/address.ts";
import { DIRECTIONS, type Direction } from "../../plan/policy/model.ts";
import { GATEWAYS, HERE, OUTSIDE } from "./random-cluster.ts";
import type { Probe, RawCluster, RawPod } from "./raw-objects.ts";

/** A packet of which one end alone is judged: that of a pod of the node. */
export interface DirectedProbe extends Probe {
  readonly direction: Direction;
}

const PORTS: readonly Pick<Probe, "protocol" | "port">[] = [
  ...[53, 80, 81, 8000, 8001, 9999].map((port) => ({ protocol: "TCP", port }) as const),
  ...[53, 80, 8001].map((port) => ({ protocol: "UDP", port }) as const),
  { protocol: "SCTP", port: 80 },
  { protocol: 1, port: 0 },
];

/** All packets from and to pods of the node. */
export function directedProbes({ pods, nodes }: RawCluster): readonly DirectedProbe[] {
  const active = pods.filter(({ spec, status }) => !spec.hostNetwork && status.phase === "Running");
  const own = addressesOf(active.filter(({ spec }) => spec.nodeName === HERE));
  const hosts = nodes.flatMap(({ status }) => status.addresses.slice(1).map(({ address }) => address));
  const others = [...addressesOf(active), ...OUTSIDE, ...GATEWAYS, ...hosts];
  return own.flatMap((pod) =>
    others
      .filter((address) => familyOf(address) === familyOf(pod))
      .flatMap((address) =>
        PORTS.flatMap(({ protocol, port }) =>
          DIRECTIONS.map((direction) => {
            const [source, destination] = direction === "ingress" ? [address, pod] : [pod, address];
            return { source, destination, protocol, port, direction };
          }),
        ),
      ),
  );
}

function addressesOf(pods: readonly RawPod[]): readonly string[] {
  return pods.flatMap(({ status }) => status.podIPs.map(({ ip }) => ip));
}
