/**
 * Packet filters of others that drop what pods send: nothing of ours can overrule them, so they must be told.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { type AgentProcess, makeNode, NODE_NAME, type TestNode } from "../../testing/agent/agent-process.ts";
import { type ApiServer, startApiServer } from "../../testing/kube/api-server.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { writeKubeconfig } from "../../testing/kube/kubeconfig.ts";
import { host } from "../../testing/machine/netns.ts";

let node: TestNode;
let api: ApiServer;
let agent: AgentProcess;

beforeEach(async () => {
  node = makeNode();
  api = await startApiServer();
  await host(`ip link add up0 type veth peer name far0 && ip link set far0 up && ip address add 192.0.2.10/24 dev up0 &&
    ip link set up0 up`);
  api.store.put({ name: NODE_NAME, addresses: ["192.0.2.10"], podCIDRs: ["10.244.1.0/24"] });
  const kubeconfig = join(node.folder, "kubeconfig");
  writeKubeconfig({ path: kubeconfig, server: api.url, user: { token: "secret" } });
  agent = node.start("--kubeconfig", kubeconfig);
  await agent.waitUntilReady();
});

afterEach(async () => {
  await node.remove();
  await host(
    "ip link del up0; nft delete table ip filter 2>/dev/null || true; nft delete table inet firewalld 2>/dev/null || true",
  );
  await api.close();
});

const drops = (): Promise<number | undefined> => agent.metric("causeway_foreign_drops");
const readyText = async (): Promise<string> => (await agent.get("/readyz"))?.text ?? "";

for (const { name, command, chain } of [
  {
    name: "iptables' FORWARD gets policy DROP",
    command: "iptables-nft -P FORWARD DROP",
    chain: "ip filter FORWARD",
  },
  {
    name: "iptables' FORWARD gets a REJECT at its end, as Oracle Linux has it",
    command:
      "iptables-nft -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT; iptables-nft -A FORWARD -j REJECT --reject-with icmp-host-prohibited",
    chain: "ip filter FORWARD",
  },
  {
    name: "firewalld's chain gets a reject at its end",
    command: `nft 'add table inet firewalld; add chain inet firewalld filter_FORWARD { type filter hook forward priority 10; policy accept; }
      add rule inet firewalld filter_FORWARD ct state established,related accept
      add rule inet firewalld filter_FORWARD reject with icmpx admin-prohibited'`,
    chain: "inet firewalld filter_FORWARD",
  },
])
  test(`${name}: warned of within seconds, and told when it is over (k3s-io/k3s#977, #566)`, async () => {
    assert.equal(await drops(), 0);
    await host(command);
    await eventually("the metric tells", async () => (await drops()) === 1, agent.log);
    const warning = (await readyText())
      .split("\n")
      .find((line) => line.startsWith("warning: packet filters: "));
    assert.match(warning ?? "", new RegExp(`chain ${chain} drops`));
    assert.match(await readyText(), /^ok/);
    await eventually("an Event tells", () =>
      api.events.some(({ reason, note }) => reason === "ForeignFilter" && String(note).includes(chain)),
    );
    const remedy = / on the node run: (.+)$/.exec(warning ?? "")?.[1] ?? assert.fail(warning);
    await host(remedy);
    await eventually("the remedy helps", async () => (await drops()) === 0, agent.log);
    assert.doesNotMatch(await readyText(), /warning/);
    assert.match(agent.log(), /Foreign firewall rules no longer drop pod traffic/);
  });
