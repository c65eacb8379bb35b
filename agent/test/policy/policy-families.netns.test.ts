/** Network policies on nodes that have one family alone, through the real agent, the shim and the kernel. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { runOnHost } from "../../testing/machine/netns.ts";
import { makePolicyNode, type PolicyNode, type PolicyPod } from "../../testing/policy/policy-node.ts";

let cluster: PolicyNode;

afterEach(() => cluster.remove());

for (const { family, podCidr, others } of [
  { family: "IPv4", podCidr: "10.244.1.0/24", others: "fd00:9::/64" },
  { family: "IPv6", podCidr: "fd00:1::/64", others: "198.51.100.0/24" },
]) {
  test(`on a node with ${family} alone a pod is isolated, and reached by whom policies name`, async () => {
    cluster = await makePolicyNode(podCidr);
    for (const name of ["a", "b"]) cluster.putNamespace(name, { name });
    const agent = cluster.start();
    await agent.waitUntilReady();
    cluster.putPolicy("a/closed", { podSelector: {}, policyTypes: ["Ingress", "Egress"] });
    // Blocks of the family that is missing are no hindrance.
    cluster.putPolicy("a/web", {
      podSelector: { matchLabels: { app: "web" } },
      ingress: [{ from: [{ podSelector: {} }, { ipBlock: { cidr: others } }], ports: [{ port: "http" }] }],
      egress: [{ to: [{ namespaceSelector: { matchLabels: { name: "b" } } }] }],
    });
    cluster.putPolicy("a/client", {
      podSelector: { matchLabels: { app: "client" } },
      policyTypes: ["Egress"],
      egress: [{ to: [{ podSelector: {} }, { ipBlock: { cidr: podCidr } }] }],
    });
    const web = await cluster.startPod("a/web", { labels: { app: "web" }, ports: { http: 80 } });
    const client = await cluster.startPod("a/client", { labels: { app: "client" } });
    const stranger = await cluster.startPod("b/stranger");
    for (const pod of [web, client, stranger]) assert.equal(pod.addresses.length, 1);
    const reach = async (from: PolicyPod | undefined, to: PolicyPod, port = 80): Promise<boolean> =>
      cluster.reaches(from, to.addresses[0] ?? "", { port });
    await cluster.podBecomes(true, client, web);
    assert.equal(await reach(client, web, 81), false, "a port that is not named");
    assert.equal(await reach(stranger, web), false, "a pod that is not named");
    assert.equal(await reach(web, stranger), true, "egress to a namespace");
    assert.equal(await reach(web, client), false, "egress to another pod");
    assert.equal(await reach(client, stranger), true, "egress to a block of pods' addresses");
    assert.equal(await reach(undefined, client), true, "the own node");
    cluster.removePolicy("a/web");
    await cluster.podBecomes(false, client, web);
    assert.match(await runOnHost("nft", "list", "tables"), /causeway-policy/);
  });
}
