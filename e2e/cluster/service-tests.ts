import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { waitUntilHolds } from "../lib/wait-for.ts";
import { ofFamily } from "./addresses.ts";
import { askFromPod } from "./ask.ts";
import type { Cluster } from "./cluster.ts";
import type { ClusterNode } from "./cluster-node.ts";
import { setBrNetfilter } from "./cluster-nodes.ts";
import { createService, deployPeers, type Peer, removePeers } from "./workloads.ts";

interface Place {
  readonly node: ClusterNode;
  readonly server: Peer;
  readonly client: Peer;
  /** Addresses of the service whose only endpoint is `server`. */
  readonly service: readonly string[];
}

/** ClusterIP services by the real kube-proxy, which works in another mode on each node. */
export function testServices(
  getCluster: () => Cluster,
  { brNetfilters }: { readonly brNetfilters: readonly ("0" | "1")[] },
): void {
  describe("ClusterIP services", () => {
    // Off, replies that stay on a switch would not be translated back; on, iptables sees bridged packets too.
    for (const brNetfilter of brNetfilters) {
      test(`work on the same node, from the other and to oneself, with bridge-nf-call-iptables=${brNetfilter}`, async () => {
        const cluster = getCluster();
        const places = await Promise.all(cluster.nodes.map((node) => createPlace(cluster, node)));
        for (const { node } of places) await setBrNetfilter(node, brNetfilter);
        for (const { node, client, server } of places) {
          for (const target of places) {
            const way = `from ${node.name} (${node.proxyMode}) to ${target.node.name}`;
            await expectAnswers(cluster, { way, from: client, target });
          }
          const own = places.find((place) => place.server === server) ?? assert.fail();
          // Its own request comes back to it from the node, because nobody accepts packets from itself.
          await expectAnswers(cluster, {
            way: `from ${server.name} to itself`,
            from: server,
            target: own,
            isHairpin: true,
          });
        }
        for (const { node } of places)
          for (const kind of ["server", "client"]) await removePeers(cluster, `${kind}-${node.name}`);
      });
    }
  });
}

async function createPlace(cluster: Cluster, node: ClusterNode): Promise<Place> {
  const service = await createService(cluster, `server-${node.name}`);
  const [servers, clients] = await Promise.all(
    ["server", "client"].map((kind) =>
      deployPeers(cluster, `${kind}-${node.name}`, { replicas: 1, node: node.name }),
    ),
  );
  const [server = assert.fail()] = servers ?? [];
  const [client = assert.fail()] = clients ?? [];
  return { node, server, client, service };
}

interface Expectation {
  readonly way: string;
  readonly from: Peer;
  readonly target: Place;
  readonly isHairpin?: boolean;
}

/** Until kube-proxy knows a new service, connections to it are refused. */
async function expectAnswers(
  cluster: Cluster,
  { way, from, target, isHairpin = false }: Expectation,
): Promise<void> {
  const { service, server } = target;
  const want = service.map((address) => [
    address,
    isHairpin ? server.name : `${server.name} ${ofFamily(from.addresses, address)}`,
  ]);
  await waitUntilHolds(
    `answers ${way}`,
    async () => {
      const answers = [...(await askFromPod(cluster, from, service))];
      const got = answers.map(([address, answer]) => [
        address,
        isHairpin ? answer.replace(/ \S+$/, "") : answer,
      ]);
      assert.deepEqual(got, want, way);
    },
    { timeoutMs: 20_000, intervalMs: 200 },
  );
}
