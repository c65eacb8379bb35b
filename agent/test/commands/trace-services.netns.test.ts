/**
 * `causeway trace` to services, with rules as kube-proxy writes them in its modes. It must never take an
 * address that is translated for one of the world.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import type { AgentProcess } from "../../testing/agent/agent-process.ts";
import { type FindingsReport, runCauseway } from "../../testing/agent/run-causeway.ts";
import { iptablesServices, nftablesServices } from "../../testing/machine/kube-proxy.ts";
import { makeNeighbourhood, type Neighbourhood } from "../../testing/machine/neighbourhood.ts";
import { makeNetns, type Netns, runOnHost, host } from "../../testing/machine/netns.ts";

let lab: Neighbourhood;
let agent: AgentProcess;
const pods: Netns[] = [];

const SOURCES = { 4: "10.244.1.2", 6: "fd00:1::2" } as const;

before(async () => {
  lab = await makeNeighbourhood();
  agent = lab.node.start("--standalone", "--nodes-file", lab.node.nodesFile);
  await agent.waitUntilReady();
  for (const name of ["client", "web"]) {
    const netns = await makeNetns();
    pods.push(netns);
    const added = await lab.node.call("ADD", {
      containerId: name.repeat(10),
      netns: netns.path,
      args: `K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${name}-0`,
    });
    assert.equal(added.exitCode, 0, added.stdout);
  }
});

after(async () => {
  for (const pod of pods) await pod.remove();
  await lab.remove();
});

afterEach(async () => {
  for (const family of ["ip", "ip6"])
    for (const table of ["nat", "filter", "kube-proxy"])
      await runOnHost("sh", "-c", `nft delete table ${family} ${table} 2>/dev/null; true`);
});

async function trace(source: string, target: string) {
  const args = ["--socket", lab.node.socket, source, target];
  const { stdout, stderr } = await runCauseway(["trace", "--json", ...args]);
  assert.equal(stderr, "");
  const report = JSON.parse(stdout) as FindingsReport & { readonly broken?: string };
  const text = (await runCauseway(["trace", ...args])).stdout;
  return { ...report, text, hops: report.findings.map(({ name }) => name) };
}

function serviceOf({ findings }: FindingsReport): string | undefined {
  const found = findings.find(({ name }) => name === "service");
  return found && `${found.verdict} ${found.evidence}`;
}

for (const { mode, services } of [
  { mode: "iptables", services: iptablesServices },
  { mode: "nftables", services: nftablesServices },
]) {
  for (const { family, web, mixed, empty, client, pod, far, node, world } of [
    {
      family: 4,
      web: "10.96.0.10",
      mixed: "10.96.0.11",
      empty: "10.96.0.12",
      client: SOURCES[4],
      pod: "10.244.1.3",
      far: "10.244.3.9",
      node: "192.0.2.10",
      world: "198.51.100.9",
    },
    {
      family: 6,
      web: "fd00:96::10",
      mixed: "fd00:96::11",
      empty: "fd00:96::12",
      client: SOURCES[6],
      pod: "fd00:1::3",
      far: "2001:db8:9::9",
      node: "2001:db8::10",
      world: "2001:db8:9::1",
    },
  ] as const) {
    const at = (address: string, port: number): string =>
      family === 4 ? `${address}:${port}` : `[${address}]:${port}`;

    test(`trace to a service of kube-proxy in ${mode} mode follows it to the pod behind it (IPv${family})`, async () => {
      await services({ family, web, mixed, empty, pod, far });
      const found = await trace(client, at(web, 80));
      assert.match(
        serviceOf(found) ?? "",
        /^ok chain ip6? \S+ \S+ sends \S+:80\/tcp to \S+ \(pod "shop\/web-0"\), its one endpoint$/,
      );
      assert.ok(found.hops.includes("target pod"), found.text);
      assert.ok(!found.hops.includes("masquerade"), found.text);
      assert.match(found.text, /the path is complete/);
    });

    test(`trace to a service with several endpoints in ${mode} mode tells that it follows one (IPv${family})`, async () => {
      await services({ family, web, mixed, empty, pod, far });
      const found = serviceOf(await trace(client, at(mixed, 80))) ?? "";
      assert.ok(found.includes(`(pod "shop/web-0"), one of 2 endpoints; not followed: ${far}`), found);
    });

    test(`trace to a service without endpoints in ${mode} mode tells who refuses it (IPv${family})`, async () => {
      await services({ family, web, mixed, empty, pod, far });
      const found = await trace(client, at(empty, 80));
      assert.equal(found.broken, "service");
      assert.match(serviceOf(found) ?? "", /^fail chain ip6? \S+ \S+ rejects /);
      assert.match(found.text, /^broken at: service$/m);
    });

    test(`trace to a port that a service in ${mode} mode does not have says so (IPv${family})`, async () => {
      await services({ family, web, mixed, empty, pod, far });
      const found = await trace(client, at(web, 81));
      assert.match(
        serviceOf(found) ?? "",
        mode === "nftables"
          ? /^fail chain ip6? kube-proxy cluster-ips-check rejects /
          : /^warn chain ip6? nat KUBE-SVC-WEB translates other ports of \S+: this one stays as it is$/,
      );
      assert.doesNotMatch(found.text, /complete, as far/);
    });

    test(`trace to a service's address alone in ${mode} mode asks for a port (IPv${family})`, async () => {
      await services({ family, web, mixed, empty, pod, far });
      const found = await trace(client, web);
      assert.match(
        serviceOf(found) ?? "",
        /^warn what happens to it is not visible from here: .* by port: ask for /,
      );
      assert.doesNotMatch(found.text, /complete, as far|leaves the cluster/);
    });

    test(`trace through a NodePort in ${mode} mode follows it, and other ports and the world are as without (IPv${family})`, async () => {
      await services({ family, web, mixed, empty, pod, far });
      assert.match(serviceOf(await trace(client, at(node, 30_080))) ?? "", /^ok .*\(pod "shop\/web-0"\)/);
      for (const untouched of [node, at(node, 22), world, at(world, 443), at(web, 80).replace(web, far)]) {
        const found = await trace(client, untouched);
        assert.equal(serviceOf(found), undefined, found.text);
      }
    });
  }
}

test("trace to an address that rules translate which nft does not show says that it cannot tell", async () => {
  await host(
    "iptables-nft -t nat -A PREROUTING -d 198.51.100.9/32 -p tcp --dport 443 -j DNAT --to-destination 203.0.113.7:8443",
  );
  const found = await trace(SOURCES[4], "198.51.100.9:443");
  assert.match(
    serviceOf(found) ?? "",
    /^warn .*chain ip nat PREROUTING translates 198\.51\.100\.9:443\/tcp and nft does not show where to$/,
  );
  assert.match(found.text, /^whether the path is complete is not visible from here$/m);
  assert.equal(found.verdict, "warn");
});

test("trace to a service whose address IPVS has made local says that it cannot tell", async (context) => {
  context.after(() => runOnHost("ip", "link", "del", "kube-ipvs0"));
  await host(
    "ip link add kube-ipvs0 type veth peer name ipvs-peer; ip address add 10.96.0.10/32 dev kube-ipvs0; ip -6 address add fd00:96::10/128 dev kube-ipvs0 nodad",
  );
  for (const [source, target] of [
    [SOURCES[4], "10.96.0.10:80"],
    [SOURCES[6], "[fd00:96::10]:80"],
  ] as const) {
    const found = await trace(source, target);
    assert.match(serviceOf(found) ?? "", /^warn .* is on kube-ipvs0: IPVS sends /);
    assert.doesNotMatch(found.text, /complete, as far|node's own/);
  }
});

test("trace takes pods by namespace and name, of the family of the other end, and prints the names", async () => {
  const both = await trace("shop/client-0", "shop/web-0:80");
  assert.match(both.text, /^shop\/client-0 \(10\.244\.1\.2\) to shop\/web-0:80 \(10\.244\.1\.3:80\/tcp\)\n/);
  assert.match(both.text, /link cw\w{13} of pod "shop\/web-0" \(eth0\)/);
  assert.equal(both.broken, undefined);
  assert.match(
    (await trace("shop/client-0", "fd00:1::3")).text,
    /^shop\/client-0 \(fd00:1::2\) to fd00:1::3\n/,
  );
  assert.match(
    (await trace("fd00:1::2", "shop/web-0:80/udp")).text,
    / to shop\/web-0:80\/udp \(\[fd00:1::3\]:80\/udp\)\n/,
  );
  const { exitCode, stderr } = await runCauseway([
    "trace",
    "--socket",
    lab.node.socket,
    "shop/none",
    "shop/web-0",
  ]);
  assert.equal(exitCode, 2);
  assert.match(stderr, /no pod on this node is named "shop\/none"/);
});

test("trace takes a URL, and says what it is in an address; a port that is none is refused", async () => {
  assert.match(
    (await trace("shop/client-0", "http://203.0.113.7/")).text,
    /^shop\/client-0 \(10\.244\.1\.2\) to http:\/\/203\.0\.113\.7\/ \(203\.0\.113\.7:80\/tcp\)\n/,
  );
  assert.match(
    (await trace("shop/client-0", "https://[2001:db8::1]/")).text,
    / to https:\/\/\[2001:db8::1\]\/ \(\[2001:db8::1\]:443\/tcp\)\n/,
  );
  for (const target of ["shop/web-0:99999", "shop/web-0:80/icmp"]) {
    const { exitCode, stderr } = await runCauseway([
      "trace",
      "--socket",
      lab.node.socket,
      "shop/client-0",
      target,
    ]);
    assert.equal(exitCode, 2);
    assert.match(stderr, /has no valid port/);
  }
});
