import assert from "node:assert/strict";
import type { V1Pod } from "@kubernetes/client-node";
import { waitFor } from "../../lib/wait-for.ts";
import type { Cluster } from "../cluster.ts";
import type { ClusterNode } from "../cluster-node.ts";
import { isReady, PEER_PORT } from "../workloads.ts";
import { putPolicy, putService, serversFrom } from "./policy-objects.ts";
import {
  ask,
  askIn,
  createNamespace,
  findPod,
  type PolicyPod,
  podPath,
  removeNamespaces,
  startPod,
  targetsOf,
} from "./policy-pods.ts";

/** Namespace of the servers and their friends. */
export const SHOP = "shop";
/** Namespace of all others; its label `team` is "none". */
export const VISITORS = "visitors";
const HOST_PORT = 8090;

/** Until a change is in the kernel, on a busy machine. */
export const FOLLOW = { timeoutMs: 30_000, intervalMs: 100 } as const;

export interface Reach {
  readonly friends: boolean;
  readonly strangers: boolean;
}

/**
 * Servers behind a service, their friends, and strangers: one of each on every node. The servers have a
 * policy, `server`, that lets no one in.
 */
export interface Shop {
  /** Whether clients reach all servers, and the addresses of the service, which lead to any of them. */
  expectReach(want: Reach): Promise<void>;
  /**
   * Whether a machine outside of the cluster reaches the servers through host ports and NodePorts of these
   * nodes.
   */
  expectOutside(want: boolean, nodes?: readonly ClusterNode[]): Promise<void>;
  friends(): readonly PolicyPod[];
  /** Deletes a friend and starts another one in its place. */
  replaceFriend(): Promise<void>;
  /**
   * Cuts the power of a node and boots it again; ends when its pods have been started again. `meanwhile` runs
   * until then, again and again.
   */
  cyclePower(node: ClusterNode, meanwhile: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

type Kind = "server" | "friend" | "stranger";

export async function openShop(cluster: Cluster): Promise<Shop> {
  await createNamespace(cluster, SHOP);
  await createNamespace(cluster, VISITORS, { team: "none" });
  await putPolicy(cluster, SHOP, "server", serversFrom([]));
  const ports = [{ port: PEER_PORT }];
  const type = { type: "NodePort", externalTrafficPolicy: "Local" };
  const service = await putService(cluster, SHOP, "server", { ...type, ports });
  const { clusterIPs = [], ports: [{ nodePort = 0 } = {}] = [] } = service;
  const start = (app: Kind, node: ClusterNode): Promise<PolicyPod> =>
    startPod(cluster, {
      namespace: app === "stranger" ? VISITORS : SHOP,
      name: `${app}-${node.name}`,
      node,
      labels: { app },
      ...(app === "server" && { hostPort: HOST_PORT }),
    });
  const startAll = (app: Kind): Promise<PolicyPod[]> =>
    Promise.all(cluster.nodes.map((node) => start(app, node)));
  const [server, friend, stranger] = await Promise.all([
    startAll("server"),
    startAll("friend"),
    startAll("stranger"),
  ]);
  const pods = { server, friend, stranger };

  return {
    async expectReach(want) {
      const targets = targetsOf([...pods.server.flatMap(({ addresses }) => addresses), ...clusterIPs]);
      const clients = [...pods.friend, ...pods.stranger];
      const expected = [...pods.friend.map(() => want.friends), ...pods.stranger.map(() => want.strangers)];
      assert.deepEqual(
        await Promise.all(clients.map((pod) => ask(cluster, pod, targets))),
        expected.map((ok) => targets.map(() => ok)),
      );
    },
    async expectOutside(want, nodes = cluster.nodes) {
      const targets = nodes.flatMap(({ addresses }) =>
        [HOST_PORT, nodePort].flatMap((port) => targetsOf(addresses, port)),
      );
      assert.deepEqual(
        await askIn(cluster, cluster.fabric.netns.enter, targets),
        targets.map(() => want),
      );
    },
    friends: () => pods.friend,
    async replaceFriend() {
      const [node = assert.fail()] = cluster.nodes;
      const [old = assert.fail(), ...others] = pods.friend;
      await cluster.kubectl(["delete", "pod", old.name, `--namespace=${SHOP}`, "--now"]);
      const again = await start("friend", node);
      assert.notDeepEqual(again.addresses, old.addresses);
      pods.friend = [again, ...others];
    },
    async cyclePower(node, meanwhile) {
      const own = Object.values(pods).flatMap((some) => some.filter((pod) => pod.node === node.name));
      const before = await Promise.all(own.map((pod) => countRestarts(cluster, pod)));
      await node.powerOff();
      await node.boot();
      const areBack = async (): Promise<true | undefined> => {
        await meanwhile();
        const now = await Promise.all(own.map((pod) => countRestarts(cluster, pod)));
        return now.every((count, index) => (count ?? 0) > (before[index] ?? 0)) || undefined;
      };
      await waitFor(`restarted pods on ${node.name}`, areBack, { timeoutMs: 180_000, intervalMs: 100 });
      for (const kind of ["server", "friend", "stranger"] as const)
        pods[kind] = await Promise.all(
          pods[kind].map(async (pod) => (pod.node === node.name ? findPod(cluster, { ...pod, node }) : pod)),
        );
    },
    close: () => removeNamespaces(cluster, [SHOP, VISITORS]),
  };
}

/** How often the container of a pod was started again; undefined while it is not Ready. */
async function countRestarts({ api }: Cluster, pod: PolicyPod): Promise<number | undefined> {
  const raw = await api.get<V1Pod>(podPath(pod));
  return isReady(raw) ? raw.status?.containerStatuses?.[0]?.restartCount : undefined;
}
