import { ofFamily } from "./addresses.ts";
import { askFromPod } from "./ask.ts";
import type { Cluster } from "./cluster.ts";
import type { Peer } from "./workloads.ts";

const AT_ONCE = 4;

/**
 * The ways between any two of these pods, or to all from those of `asking`, on which the wrong one answers,
 * or it sees another address than the asking pod's own.
 */
export async function findUnreached(
  cluster: Cluster,
  peers: readonly Peer[],
  asking = peers,
): Promise<readonly string[]> {
  const wrong: string[] = [];
  const left = [...asking];
  const work = async (): Promise<void> => {
    for (let peer = left.pop(); peer !== undefined; peer = left.pop())
      wrong.push(...(await findUnreachedFrom(cluster, peer, peers)));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return wrong;
}

async function findUnreachedFrom(
  cluster: Cluster,
  from: Peer,
  peers: readonly Peer[],
): Promise<readonly string[]> {
  const answers = await askFromPod(
    cluster,
    from,
    peers.flatMap(({ addresses }) => addresses),
  );
  return peers.flatMap((peer) =>
    peer.addresses
      .filter((address) => answers.get(address) !== `${peer.name} ${ofFamily(from.addresses, address)}`)
      .map((address) => `${from.name} (${from.node}) → ${address} (${peer.node}): ${answers.get(address)}`),
  );
}
