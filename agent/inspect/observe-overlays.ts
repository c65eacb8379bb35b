import type { OverlayWay } from "../diagnosis/check-peers.ts";
import type { Rtnetlink } from "../kernel/rtnetlink.ts";
import { formatCidr } from "../net/cidr.ts";
import { dumpFdb, dumpNeighbours, parseFdbEntry, parseNeighbour } from "../netlink/neighbour.ts";
import type { NodeObservation, Tunnel } from "./observe-node.ts";

/** Every route through a VXLAN device with what the device knows of its gateway, from two dumps of each device. */
export async function observeOverlays(
  rtnetlink: Rtnetlink,
  node: NodeObservation,
): Promise<readonly OverlayWay[]> {
  const ways = await Promise.all(node.tunnels.map((tunnel) => observeTunnel(rtnetlink, node, tunnel)));
  return ways.flat();
}

async function observeTunnel(
  rtnetlink: Rtnetlink,
  { routes }: NodeObservation,
  { index: linkIndex, name }: Tunnel,
): Promise<readonly OverlayWay[]> {
  const neighbours = (await rtnetlink.dump(dumpNeighbours({ linkIndex }))).map(parseNeighbour);
  const macs = new Map(neighbours.map(({ address, mac }) => [address, mac]));
  const entries = (await rtnetlink.dump(dumpFdb({ linkIndex }))).map(parseFdbEntry);
  const remotes = new Map(entries.map(({ mac, destination }) => [mac, destination]));
  return routes.flatMap(({ destination, gateway, linkIndex: via }) => {
    if (via !== linkIndex || gateway === undefined) return [];
    const mac = macs.get(gateway);
    const remote = mac === undefined ? undefined : remotes.get(mac);
    return [{ podCidr: formatCidr(destination), device: name, gateway, mac, remote }];
  });
}
