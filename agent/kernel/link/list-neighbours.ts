import {
  dumpFdb,
  dumpNeighbours,
  type ObservedFdbEntry,
  type ObservedNeighbour,
  parseFdbEntry,
  parseNeighbour,
} from "../../netlink/route/neighbour.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

/** Neighbours of both families on a link. */
export async function listNeighbours(
  rtnetlink: NetlinkClient,
  linkIndex: number,
): Promise<readonly ObservedNeighbour[]> {
  return (await rtnetlink.dump(dumpNeighbours({ linkIndex }))).map(parseNeighbour);
}

/** Forwarding entries of a device, or of all ports of a bridge. */
export async function listFdb(
  rtnetlink: NetlinkClient,
  of: Parameters<typeof dumpFdb>[0],
): Promise<readonly ObservedFdbEntry[]> {
  return (await rtnetlink.dump(dumpFdb(of))).map(parseFdbEntry);
}
