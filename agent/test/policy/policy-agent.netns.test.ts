/** Network policies on the real kernel, through the real agent, the shim and a local API server. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import type { AgentProcess } from "../../testing/agent/agent-process.ts";
import type { ObjectStore } from "../../testing/kube/resources/object-store.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns, type Netns, runOnHost, host } from "../../testing/machine/netns.ts";
import { startFlow } from "../../testing/machine/start-flow.ts";
import {
  countArrived,
  hasTable,
  makePolicyNode,
  type PolicyNode,
  type PolicyPod,
} from "../../testing/policy/policy-node.ts";

let cluster: PolicyNode;
let agent: AgentProcess;
let clusterPolicies: ObjectStore;

const CLOSED = { podSelector: {}, policyTypes: ["Ingress", "Egress"] };
const ingressFrom = (...from: readonly object[]): object => ({
  podSelector: { matchLabels: { app: "web" } },
  ingress: [{ from }],
});

beforeEach(async () => {
  cluster = await makePolicyNode("10.244.1.0/24", "fd00:1::/64");
  for (const name of ["a", "b"]) cluster.putNamespace(name, { name });
  clusterPolicies = cluster.serveClusterPolicies();
  agent = cluster.start();
  await agent.waitUntilReady();
});

afterEach(() => cluster.remove());

function first({ addresses: [address = ""] }: PolicyPod): string {
  return address;
}

async function assertReaches(
  isReached: boolean,
  from: PolicyPod | undefined,
  to: PolicyPod,
  port = 80,
): Promise<void> {
  for (const address of to.addresses)
    assert.equal(
      await cluster.reaches(from, address, { port }),
      isReached,
      `${from?.key ?? "node"} → ${address}:${port}`,
    );
}

test("through a churn of pods no packet reaches or leaves one that a policy isolates, in either direction", async () => {
  const prober = await cluster.startPod("b/prober");
  cluster.putPolicy("a/closed", CLOSED);
  const addresses = Array.from({ length: 30 }, (_, index) => `10.244.1.${index + 3}`);
  await cluster.flood(prober.netns, ...addresses);
  const isolated: PolicyPod[] = [];
  for (let index = 0; index < 12; index++) {
    const key = `a/pod-${index}`;
    const netns = await makeNetns();
    await cluster.flood(netns, first(prober));
    cluster.putPod(key);
    isolated.push(index % 4 === 3 ? await addThroughKill(key, netns) : await cluster.add(key, { netns }));
  }
  // A pod that nothing isolates proves that both sides send.
  const before = await countArrived(prober.netns);
  const netns = await makeNetns();
  await cluster.flood(netns, first(prober));
  const open = await cluster.add("b/open", { netns });
  await eventually("packets pass where nothing isolates", async () => {
    return (await countArrived(open.netns)) > 0 && (await countArrived(prober.netns)) > before;
  });
  assert.equal(before, 0, "datagrams of isolated pods");
  for (const pod of isolated) assert.equal(await countArrived(pod.netns), 0, `datagrams to ${pod.key}`);
  await assertReaches(true, undefined, prober);
});

/** The agent is killed while it serves the ADD; the runtime tries again. */
async function addThroughKill(key: string, netns: Netns): Promise<PolicyPod> {
  const adding = cluster.add(key, { netns }).catch(() => undefined);
  await agent.end("SIGKILL");
  agent = cluster.start();
  const added = await adding;
  if (added !== undefined) return added;
  await netns.run("sh", "-c", "ip link del eth0 2>/dev/null; true");
  return cluster.add(key, { netns });
}

test("pods are allowed by their labels and those of their namespaces, which are followed both ways", async () => {
  const web = await cluster.startPod("a/web", { labels: { app: "web" } });
  const friend = await cluster.startPod("a/friend", { labels: { role: "friend" } });
  const stranger = await cluster.startPod("b/stranger");
  await assertReaches(true, friend, web);
  assert.equal(await hasTable(), false);
  cluster.putPolicy("a/web", ingressFrom({ podSelector: { matchLabels: { role: "friend" } } }));
  await cluster.podBecomes(false, stranger, web);
  await assertReaches(true, friend, web);
  // The kubelet's probes.
  await assertReaches(true, undefined, web);
  cluster.putPod("a/friend", { labels: {} });
  await cluster.podBecomes(false, friend, web);
  cluster.putPod("a/friend", { labels: { role: "friend" } });
  await cluster.podBecomes(true, friend, web);
  cluster.putPolicy("a/web", ingressFrom({ namespaceSelector: { matchLabels: { name: "b" } } }));
  await cluster.podBecomes(true, stranger, web);
  await cluster.podBecomes(false, friend, web);
  cluster.putNamespace("b", { name: "c" });
  await cluster.podBecomes(false, stranger, web);
  cluster.putPod("a/web", { labels: {} });
  await cluster.podBecomes(true, stranger, web);
  cluster.putPod("a/web", { labels: { app: "web" } });
  await cluster.podBecomes(false, stranger, web);
  cluster.removePolicy("a/web");
  await cluster.podBecomes(true, stranger, web);
  await eventually("no policy, no table", async () => !(await hasTable()));
});

test("egress rules, blocks of addresses and named ports hold", async () => {
  const client = await cluster.startPod("a/client", { labels: { app: "client" } });
  const web = await cluster.startPod("b/web", { labels: { app: "web" }, ports: { http: 80 } });
  const egress = (rule: object): object => ({
    podSelector: { matchLabels: { app: "client" } },
    policyTypes: ["Egress"],
    egress: [rule],
  });
  const anybody = [{ namespaceSelector: {} }];
  cluster.putPolicy("a/egress", egress({ to: anybody, ports: [{ port: "http" }] }));
  await cluster.podBecomes(false, client, web, { port: 81 });
  await assertReaches(true, client, web, 80);
  cluster.putPolicy("a/egress", egress({ to: [{ ipBlock: { cidr: `${first(web)}/32` } }] }));
  await cluster.becomes(true, client, first(web), { port: 81 });
  await cluster.becomes(false, client, web.addresses[1] ?? "", { port: 81 });
  // What the other side begins is not egress, nor are the replies.
  await assertReaches(true, web, client);
});

test("hostPorts lead to a pod as far as its policies let them", async () => {
  const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }];
  const outside = await makeNetns();
  await host(
    `ip link add up0 type veth peer name up1 netns ${outside.pid}; ip address add 192.0.2.10/24 dev up0; ip link set up0 up`,
  );
  await outside.run(
    "sh",
    "-ec",
    "ip link set lo up; ip address add 192.0.2.1/24 dev up1; ip link set up1 up",
  );
  const machine = { key: "outside", containerId: "", netns: outside, addresses: [] };
  try {
    await cluster.startPod("a/web", { labels: { app: "web" } }, { runtimeConfig: { portMappings } });
    await cluster.becomes(true, machine, "192.0.2.10", { port: 8080 });
    cluster.putPolicy("a/closed", CLOSED);
    await cluster.becomes(false, machine, "192.0.2.10", { port: 8080 });
    cluster.putPolicy("a/outside", ingressFrom({ ipBlock: { cidr: "192.0.2.0/24" } }));
    await cluster.becomes(true, machine, "192.0.2.10", { port: 8080 });
  } finally {
    await outside.remove();
    await runOnHost("sh", "-c", "ip link del up0; true");
  }
});

for (const isBridgeFiltered of [true, false]) {
  test(`what a pod sends to a service whose endpoint is on its node is judged (bridge-nf-call-iptables=${Number(isBridgeFiltered)})`, async () => {
    const setting = Number(isBridgeFiltered);
    const web = await cluster.startPod("a/web", { labels: { app: "web" } });
    const friend = await cluster.startPod("a/friend", { labels: { role: "friend" } });
    const stranger = await cluster.startPod("b/stranger");
    cluster.putPolicy("a/web", ingressFrom({ podSelector: { matchLabels: { role: "friend" } } }));
    await cluster.podBecomes(false, stranger, web);
    // As kube-proxy translates it: br_netfilter hands such a packet on without the link that it came in by.
    const services = [["ip", "10.96.0.1"] as const, ["ip6", "fd00:96::1"] as const];
    const tables = services.map(([family, address], index) => {
      const rule = `${family} daddr ${address} dnat to ${web.addresses[index]}`;
      return `table ${family} services {
        chain translate {
          type nat hook prerouting priority -100;
          ${rule};
        }
      }`;
    });
    await host(
      `for family in ip ip6; do echo ${setting} >/proc/sys/net/bridge/bridge-nf-call-\${family}tables; done`,
    );
    await runOnHost("nft", tables.join("\n"));
    try {
      for (const [, service] of services) {
        assert.equal(await cluster.reaches(friend, service), true, `friend → ${service}`);
        assert.equal(await cluster.reaches(stranger, service), false, `stranger → ${service}`);
      }
    } finally {
      await runOnHost("nft", "delete table ip services; delete table ip6 services");
    }
  });
}

test("a restart keeps policies in force and cuts nothing, whether the agent was stopped or killed", async (t) => {
  cluster.putPolicy("a/web", ingressFrom({ podSelector: { matchLabels: { role: "friend" } } }));
  const web = await cluster.startPod("a/web", { labels: { app: "web" } });
  const friend = await cluster.startPod("a/friend", { labels: { role: "friend" } });
  const stranger = await cluster.startPod("b/stranger");
  const flow = await startFlow(t, { from: friend.netns, to: web.netns, address: first(web), port: 7000 });
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    await agent.end(signal);
    await assertReaches(false, stranger, web);
    await flow.goesOn();
    agent = cluster.start();
    await agent.waitUntilReady();
    await assertReaches(false, stranger, web);
    await assertReaches(true, friend, web);
    await flow.goesOn();
    assert.doesNotMatch(agent.log(), /Repaired drift/);
  }
  await cluster.del(stranger);
  const again = await cluster.startPod("b/again");
  await assertReaches(false, again, web);
});

test("an address that is given again has nothing of the last pod's permissions", async () => {
  cluster.putPolicy("a/web", ingressFrom({ podSelector: { matchLabels: { role: "friend" } } }));
  const web = await cluster.startPod("a/web", { labels: { app: "web" } });
  const friend = await cluster.startPod("a/friend", { labels: { role: "friend" } });
  await assertReaches(true, friend, web);
  await cluster.del(friend);
  const listed = await runOnHost("nft", "list", "table", "inet", "causeway-policy");
  for (const address of friend.addresses) assert.ok(!listed.includes(address), listed);
});

test("nft flush ruleset is noticed, put right and counted", async () => {
  cluster.putPolicy("a/closed", CLOSED);
  const web = await cluster.startPod("a/web");
  const stranger = await cluster.startPod("b/stranger");
  await assertReaches(false, stranger, web);
  await runOnHost("nft", "flush", "ruleset");
  await eventually("the repair is counted", async () => {
    return ((await agent.metric('causeway_drift_repairs_total{kind="policy"}')) ?? 0) > 0;
  });
  await assertReaches(false, stranger, web);
});

test("while the API server is away policies stay as they are, and pods that are not known start isolated", async () => {
  cluster.putPolicy("a/web", ingressFrom({ podSelector: { matchLabels: { role: "friend" } } }));
  const web = await cluster.startPod("a/web", { labels: { app: "web" } });
  const friend = await cluster.startPod("a/friend", { labels: { role: "friend" } });
  cluster.setAway(true);
  await eventually("readiness warns", async () =>
    (await agent.get("/readyz"))?.text.includes("policies stay in force as they are"),
  );
  await assertReaches(true, friend, web);
  const unknown = await cluster.add("a/unknown");
  await assertReaches(false, unknown, friend);
  cluster.setAway(false);
  cluster.putPod("a/unknown", { labels: { role: "friend" } });
  await cluster.podBecomes(true, unknown, web);
});

test("ClusterNetworkPolicies hold, and end", async () => {
  const web = await cluster.startPod("a/web");
  const client = await cluster.startPod("b/client");
  clusterPolicies.put("guard", {
    metadata: { name: "guard" },
    spec: {
      tier: "Admin",
      priority: 1,
      subject: { namespaces: { matchLabels: { name: "a" } } },
      ingress: [{ action: "Deny", from: [{ namespaces: { matchLabels: { name: "b" } } }] }],
    },
  });
  await cluster.podBecomes(false, client, web);
  clusterPolicies.remove("guard");
  await cluster.podBecomes(true, client, web);
});
