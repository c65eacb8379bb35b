import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { waitUntilHolds } from "../../lib/wait-for.ts";
import { killAgent, readyRestarts } from "../causeway.ts";
import type { Cluster } from "../cluster.ts";
import { waitForNodes } from "../cluster-nodes.ts";
import { PEER_PORT } from "../workloads.ts";
import { byApp, CLOSED, putPolicy, putService, removePolicy, serversFrom } from "./policy-objects.ts";
import {
  ask,
  askIn,
  createNamespace,
  type PolicyPod,
  removeNamespaces,
  startPod,
  targetsOf,
} from "./policy-pods.ts";

/** Namespace of the servers and their friends, and of all others. */
const SHOP = "shop";
const VISITORS = "visitors";
const HOST_PORT = 8090;
const DNS_PORT = 53;
const FOLLOW = { timeoutMs: 30_000, intervalMs: 100 } as const;

/** NetworkPolicy with all that a cluster does to packets before a policy sees them. */
export function testPolicies(getCluster: () => Cluster): void {
  describe("network policies", () => {
    // One of each on every node.
    let servers: readonly PolicyPod[] = [];
    let friends: readonly PolicyPod[] = [];
    let strangers: readonly PolicyPod[] = [];
    let services: readonly string[] = [];
    let nodePort = 0;

    before(async () => {
      const cluster = getCluster();
      await createNamespace(cluster, SHOP);
      await createNamespace(cluster, VISITORS, { team: "none" });
      await putPolicy(cluster, SHOP, "server", serversFrom([]));
      const ports = [{ port: PEER_PORT }];
      const type = { type: "NodePort", externalTrafficPolicy: "Local" };
      const service = await putService(cluster, SHOP, "server", { ...type, ports });
      services = service.clusterIPs ?? [];
      nodePort = service.ports?.[0]?.nodePort ?? 0;
      const onEach = (namespace: string, app: string, more = {}): Promise<readonly PolicyPod[]> =>
        Promise.all(
          cluster.nodes.map((node) =>
            startPod(cluster, { namespace, name: `${app}-${node.name}`, node, labels: { app }, ...more }),
          ),
        );
      [servers, friends, strangers] = await Promise.all([
        onEach(SHOP, "server", { hostPort: HOST_PORT }),
        onEach(SHOP, "friend"),
        onEach(VISITORS, "stranger"),
      ]);
    });
    after(() => removeNamespaces(getCluster(), [SHOP, VISITORS]));

    /** Each client asks the addresses of all servers, and then those of the service, which leads to any of them. */
    const expectReach = async (want: {
      readonly friends: boolean;
      readonly strangers: boolean;
    }): Promise<void> => {
      const cluster = getCluster();
      const targets = targetsOf([...servers.flatMap(({ addresses }) => addresses), ...services]);
      const expected = [...friends.map(() => want.friends), ...strangers.map(() => want.strangers)];
      const got = await Promise.all([...friends, ...strangers].map((pod) => ask(cluster, pod, targets)));
      assert.deepEqual(
        got,
        expected.map((ok) => targets.map(() => ok)),
      );
    };
    /** From outside of the cluster, through the ports of each node. */
    const expectOutside = async (want: boolean): Promise<void> => {
      const { fabric, nodes } = getCluster();
      const ports = [HOST_PORT, nodePort];
      const targets = nodes.flatMap(({ addresses }) => ports.flatMap((port) => targetsOf(addresses, port)));
      assert.deepEqual(
        await askIn(getCluster(), fabric.netns.enter, targets),
        targets.map(() => want),
      );
    };

    test("isolated servers are Ready by the kubelet's probes, and nobody reaches them by pod, service, host port or NodePort", async () => {
      await expectReach({ friends: false, strangers: false });
      await expectOutside(false);
    });

    test("a policy lets friends in, by pods' addresses and through services by both modes of kube-proxy, and no one else", async () => {
      const friend = { podSelector: byApp("friend") };
      await putPolicy(getCluster(), SHOP, "server", serversFrom([friend]));
      await waitUntilHolds(
        "friends to be let in",
        () => expectReach({ friends: true, strangers: false }),
        FOLLOW,
      );
      await expectOutside(false);
    });

    test("a namespace's label lets its pods in, and no longer when it changes", async () => {
      const cluster = getCluster();
      const relabel = (team: string): Promise<unknown> =>
        cluster.api.patch(`/api/v1/namespaces/${VISITORS}`, { metadata: { labels: { team } } });
      const visitors = { namespaceSelector: { matchLabels: { team: "shop" } } };
      await putPolicy(cluster, SHOP, "visitors", serversFrom([visitors]));
      await relabel("shop");
      await waitUntilHolds("all to be let in", () => expectReach({ friends: true, strangers: true }), FOLLOW);
      await relabel("none");
      await waitUntilHolds(
        "strangers to be kept out",
        () => expectReach({ friends: true, strangers: false }),
        FOLLOW,
      );
      await removePolicy(cluster, SHOP, "visitors");
    });

    test("a block of addresses lets the outside in through host ports and NodePorts, with the client's own address", async () => {
      const cluster = getCluster();
      const blocks = ["192.0.2.1/32", "2001:db8:2::1/128"].map((cidr) => ({ ipBlock: { cidr } }));
      await putPolicy(cluster, SHOP, "outside", serversFrom(blocks));
      await waitUntilHolds("the outside to be let in", () => expectOutside(true), FOLLOW);
      await removePolicy(cluster, SHOP, "outside");
      await waitUntilHolds("the outside to be kept out", () => expectOutside(false), FOLLOW);
    });

    test("a pod whose egress leads to DNS alone asks it through the service, and reaches nothing else", async () => {
      const cluster = getCluster();
      const [node = assert.fail(), other = assert.fail()] = cluster.nodes;
      const container = {
        args: ["serve", String(DNS_PORT)],
        readinessProbe: { tcpSocket: { port: DNS_PORT } },
      };
      const ports = [{ port: DNS_PORT, protocol: "UDP" }];
      const { clusterIPs = [] } = await putService(cluster, VISITORS, "dns", { ports });
      await putPolicy(cluster, SHOP, "resolver", {
        podSelector: byApp("resolver"),
        policyTypes: ["Egress"],
        egress: [{ to: [{ namespaceSelector: {}, podSelector: byApp("dns") }], ports }],
      });
      const [dns, resolver] = await Promise.all([
        startPod(cluster, { namespace: VISITORS, name: "dns", node: other, container }),
        startPod(cluster, { namespace: SHOP, name: "resolver", node }),
      ]);
      const allowed = targetsOf([...clusterIPs, ...dns.addresses], DNS_PORT, "/udp");
      const forbidden = [
        ...targetsOf(dns.addresses, DNS_PORT),
        ...targetsOf(friends.flatMap(({ addresses }) => addresses)),
      ];
      await waitUntilHolds(
        "answers of DNS, and of no one else",
        async () =>
          assert.deepEqual(await ask(cluster, resolver, [...allowed, ...forbidden]), [
            ...allowed.map(() => true),
            ...forbidden.map(() => false),
          ]),
        FOLLOW,
      );
    });

    test("a pod that starts anew, under other addresses, keeps what policies give it", async () => {
      const cluster = getCluster();
      const [node = assert.fail()] = cluster.nodes;
      const [old = assert.fail(), ...others] = friends;
      await cluster.kubectl(["delete", "pod", old.name, `--namespace=${SHOP}`, "--now"]);
      const labels = { app: "friend" };
      const again = await startPod(cluster, { namespace: SHOP, name: old.name, node, labels });
      assert.notDeepEqual(again.addresses, old.addresses);
      friends = [again, ...others];
      await waitUntilHolds(
        "friends to be let in",
        () => expectReach({ friends: true, strangers: false }),
        FOLLOW,
      );
    });

    test("agents that are killed, and come again without an API server, change nothing", async () => {
      const cluster = getCluster();
      const { controlPlane, nodes } = cluster;
      const restarts = await Promise.all(nodes.map((node) => readyRestarts(cluster, node)));
      await controlPlane.stopApiServer();
      for (const node of nodes) await killAgent(node);
      for (let round = 0; round < 8; round += 1) await expectReach({ friends: true, strangers: false });
      await controlPlane.startApiServer();
      for (const [index, node] of nodes.entries())
        await waitUntilHolds(
          `the restart of the agent of ${node.name}`,
          async () => assert.equal(await readyRestarts(cluster, node), (restarts[index] ?? 0) + 1),
          { timeoutMs: 120_000, intervalMs: 200 },
        );
      await waitForNodes(cluster, "True", 120_000);
      await expectReach({ friends: true, strangers: false });
    });

    test("a policy that closes a namespace keeps friends out, and without any policy its pods are open", async () => {
      const cluster = getCluster();
      await putPolicy(cluster, SHOP, "server", CLOSED);
      await waitUntilHolds(
        "all to be kept out",
        () => expectReach({ friends: false, strangers: false }),
        FOLLOW,
      );
      for (const name of ["server", "resolver"]) await removePolicy(cluster, SHOP, name);
      await waitUntilHolds("all to be let in", () => expectReach({ friends: true, strangers: true }), FOLLOW);
    });
  });
}
