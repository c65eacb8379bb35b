import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { waitUntilHolds } from "../../lib/wait-for.ts";
import type { Cluster } from "../cluster.ts";
import { byApp, CLOSED, putPolicy, putService, removePolicy, serversFrom } from "./policy-objects.ts";
import { ask, startPod, targetsOf } from "./policy-pods.ts";
import { testPolicyRestarts } from "./policy-restart-tests.ts";
import { testPolicyUpgrades } from "./policy-upgrade-tests.ts";
import { FOLLOW, openShop, SHOP, type Shop, VISITORS } from "./shop.ts";

const DNS_PORT = 53;

/** NetworkPolicy with all that a cluster does to packets before a policy sees them. */
export function testPolicies(getCluster: () => Cluster): void {
  describe("network policies", () => {
    let shop: Shop | undefined;
    const getShop = (): Shop => shop ?? assert.fail("there are no pods");
    const expectReach: Shop["expectReach"] = (want) => getShop().expectReach(want);
    const expectOutside: Shop["expectOutside"] = (want) => getShop().expectOutside(want);

    before(async () => {
      shop = await openShop(getCluster());
    });
    after(() => shop?.close());

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
        ...targetsOf(
          getShop()
            .friends()
            .flatMap(({ addresses }) => addresses),
        ),
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

    testPolicyRestarts(getCluster, getShop);
    testPolicyUpgrades(getCluster, getShop);

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
