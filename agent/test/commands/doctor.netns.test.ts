/**
 * Every check of `causeway doctor` is tried by breaking that very thing with the ordinary tools: it must name
 * what was broken, and the remedy, run as it is printed, must put it right. The agent is dead, so that nobody
 * else does.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Finding, Verdict } from "../../diagnosis/finding.ts";
import { hostLinkName } from "../../net/host-link.ts";
import { CONFLIST_NAME, planConflist } from "../../plan/node/conflist.ts";
import type { TestNode } from "../../testing/agent/agent-process.ts";
import { makeNeighbourhood, type Neighbourhood } from "../../testing/machine/neighbourhood.ts";
import { makeNetns, type Netns, host } from "../../testing/machine/netns.ts";
import { type FindingsReport, findingsOf, runCauseway } from "../../testing/agent/run-causeway.ts";

let lab: Neighbourhood;
let node: TestNode;
let outside: Netns;
let pod: Netns;
let holder: ChildProcess | undefined;

const linkOf = (containerId: string): string => hostLinkName(containerId, "eth0");

before(async () => {
  lab = await makeNeighbourhood();
  ({ node, outside } = lab);
  pod = await makeNetns();
  const agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
  await node.add("c1", pod);
  await agent.end("SIGKILL");
  await host(`sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0`);
});

after(async () => {
  holder?.kill();
  await pod.remove();
  await lab.remove();
});

async function doctor(): Promise<FindingsReport> {
  const { socket, cniBinDir, cniConfDir } = node;
  const paths = ["--socket", socket, "--cni-bin-dir", cniBinDir, "--cni-conf-dir", cniConfDir];
  const { stdout, stderr } = await runCauseway(["doctor", "--json", ...paths]);
  assert.equal(stderr, "");
  return JSON.parse(stdout) as FindingsReport;
}

interface Breakage {
  readonly name: string;
  readonly check: string;
  /** Run in the node's namespace. */
  readonly breaks: () => Promise<unknown>;
  readonly verdict: Verdict;
  readonly evidence: RegExp;
  readonly remedy: string | RegExp;
  /** How many things are wrong at once; one unless told. */
  readonly findings?: number;
  /** How many remedies it takes, where one fault hides the next. */
  readonly steps?: number;
}

const CASES: readonly Breakage[] = [
  {
    name: "the bridge does not forward",
    check: "forwarding",
    breaks: () => host("sysctl -qw net.ipv4.conf.cw0.forwarding=0"),
    verdict: "fail",
    evidence: /^link cw0 does not forward IPv4/,
    remedy: "sysctl -w net.ipv4.conf.cw0.forwarding=1",
  },
  {
    name: "the uplink does not forward",
    check: "forwarding",
    breaks: () => host("sysctl -qw net.ipv4.conf.up0.forwarding=0"),
    verdict: "fail",
    evidence: /^link up0 does not forward IPv4/,
    remedy: "sysctl -w net.ipv4.conf.up0.forwarding=1",
  },
  {
    name: "the node does not forward IPv6",
    check: "forwarding",
    breaks: () => host("sysctl -qw net.ipv6.conf.all.forwarding=0"),
    verdict: "fail",
    evidence: /^net\.ipv6\.conf\.all\.forwarding is 0/,
    remedy: "sysctl -w net.ipv6.conf.all.forwarding=1",
  },
  {
    name: "the uplink would lose its IPv6 default route",
    check: "forwarding",
    breaks: () => host("sysctl -qw net.ipv6.conf.up0.accept_ra=1"),
    verdict: "warn",
    evidence: /^net\.ipv6\.conf\.up0\.accept_ra is 1/,
    remedy: "sysctl -w net.ipv6.conf.up0.accept_ra=2",
  },
  {
    name: "a strict reverse path filter drops packets",
    check: "rp_filter",
    async breaks() {
      await host("sysctl -qw net.ipv4.conf.up0.rp_filter=1");
      // From an address to which the node has another way.
      await outside.run(
        "sh",
        "-ec",
        "ip address add 10.244.3.77/32 dev lo; ip route add 192.0.2.10/32 dev far0 src 10.244.3.77",
      );
      await outside.run(
        "bash",
        "-c",
        "echo x > /dev/udp/192.0.2.10/9; ip route del 192.0.2.10/32; ip address del 10.244.3.77/32 dev lo",
      );
    },
    verdict: "warn",
    evidence: /^strict on up0: it has dropped 1 packet$/,
    remedy: "sysctl -w net.ipv4.conf.up0.rp_filter=2",
  },
  {
    name: "another program's chain drops what it does not know",
    check: "packet filters",
    breaks: () =>
      host(
        "nft 'table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; ct state established accept; }; }'",
      ),
    verdict: "fail",
    evidence: /^chain ip filter FORWARD drops forwarded packets by default/,
    remedy:
      'nft insert rule ip filter FORWARD iifname "cw0" accept && nft insert rule ip filter FORWARD oifname "cw0" accept',
  },
  {
    name: "a firewall rejects at the end of its chain",
    check: "packet filters",
    breaks: () =>
      host(
        "nft delete table ip filter; nft 'table inet firewalld { chain filter_FORWARD { type filter hook forward priority 10; policy accept; ct state established accept; reject with icmpx admin-prohibited; }; }'",
      ),
    verdict: "fail",
    evidence: /^chain inet firewalld filter_FORWARD drops forwarded packets by default/,
    remedy:
      /^nft insert rule inet firewalld filter_FORWARD iifname "cw0" accept && nft insert rule inet firewalld /,
  },
  {
    name: "a rule drops what comes from pods",
    check: "packet filters",
    breaks: () =>
      host(
        "nft delete table inet firewalld; nft 'table inet mine { chain guard { type filter hook forward priority 0; policy accept; iifname cw0 counter drop; }; }'",
      ),
    verdict: "fail",
    evidence: /^chain inet mine guard has a rule that drops pods' packets$/,
    remedy: /^nft insert rule inet mine guard iifname "cw0" accept && /,
  },
  {
    name: "br_netfilter is on",
    check: "br_netfilter",
    breaks: () => host("nft delete table inet mine; sysctl -qw net.bridge.bridge-nf-call-iptables=1"),
    verdict: "info",
    evidence: /^bridge-nf-call-iptables on: pods' frames also traverse the packet filter on the bridge/,
    remedy: "sysctl -w net.bridge.bridge-nf-call-iptables=0",
  },
  {
    name: "another conflist sorts first",
    check: "rival conflists",
    breaks: async () => writeFileSync(join(node.cniConfDir, "05-other net.conflist"), "{}"),
    verdict: "fail",
    evidence: /05-other net\.conflist sorts before Causeway's: runtimes load it/,
    remedy: /^mv '.*05-other net\.conflist' '.*05-other net\.conflist\.disabled'$/,
  },
  {
    name: "the shim is missing",
    check: "shim",
    breaks: async () => rmSync(join(node.cniBinDir, "causeway")),
    verdict: "fail",
    evidence: /causeway is missing: runtimes cannot start or stop pods$/,
    remedy: /^install -m 0755 \S+dist\/bin\/causeway \S+\/causeway$/,
  },
  {
    name: "the shim is of another release",
    check: "shim",
    async breaks() {
      const path = join(node.cniBinDir, "causeway");
      const shim = readFileSync(path).toString("latin1");
      const older = shim.replace(/(CAUSEWAY_SHIM_VERSION=)0\.1\.0/, "$10.0.9");
      assert.notEqual(older, shim);
      writeFileSync(path, older, "latin1");
    },
    verdict: "warn",
    evidence: /causeway is version 0\.0\.9, this program is 0\.1\.0$/,
    remedy: /^install -m 0755 /,
  },
  {
    name: "the shim is not executable",
    check: "shim",
    breaks: async () => chmodSync(join(node.cniBinDir, "causeway"), 0o644),
    verdict: "fail",
    evidence: /causeway is not executable$/,
    remedy: /^install -m 0755 /,
  },
  {
    name: "something else has the shim's name",
    check: "shim",
    breaks: async () => writeFileSync(join(node.cniBinDir, "causeway"), "#!/bin/sh\n"),
    verdict: "fail",
    evidence: /causeway is not Causeway's shim$/,
    remedy: /^install -m 0755 /,
  },
  {
    name: "a temporary file is left",
    check: "stale files",
    breaks: async () => writeFileSync(join(node.cniBinDir, ".causeway.causeway-tmp"), "half"),
    verdict: "warn",
    evidence: /\.causeway\.causeway-tmp is left over from an agent that was killed while writing$/,
    remedy: /^rm \S+\.causeway\.causeway-tmp$/,
  },
  {
    name: "a folder has the socket's name",
    check: "stale files",
    breaks: async () => mkdirSync(node.socket),
    verdict: "fail",
    evidence: /agent\.sock is not a socket, and keeps the agent from starting$/,
    remedy: /^rm -r \S+agent\.sock$/,
  },
  {
    name: "the bridge is down",
    check: "datapath",
    breaks: () => host("ip link set cw0 down"),
    verdict: "fail",
    evidence: /^link cw0 is down$/,
    remedy: "ip link set dev cw0 up",
  },
  {
    name: "the bridge was down, and has forgotten its routes and neighbours",
    check: "pods",
    breaks: async () => undefined,
    verdict: "fail",
    evidence: /^the host has no route to 10\.244\.1\.2 on cw0$/,
    remedy:
      "ip neighbour replace 10.244.1.2 lladdr 0a:58:0a:f4:01:02 dev cw0 nud permanent && ip route replace 10.244.1.2 dev cw0 proto 98",
    findings: 2,
  },
  {
    name: "a pod's link is not a port of the bridge",
    check: "pods",
    breaks: () => host(`ip link set ${linkOf("c1")} nomaster`),
    verdict: "fail",
    evidence: /^link cw\w{13} of container "c1" \(eth0\) is not a port of the bridge$/,
    remedy: `ip link set dev ${linkOf("c1")} master cw0 && bridge link set dev ${linkOf("c1")} hairpin on learning off flood off mcast_flood off bcast_flood off`,
    steps: 2,
  },
  {
    name: "a pod's link is down",
    check: "pods",
    breaks: () => host(`ip link set ${linkOf("c1")} down`),
    verdict: "fail",
    evidence: /^link cw\w{13} of container "c1" \(eth0\) is down$/,
    remedy: `ip link set dev ${linkOf("c1")} up`,
  },
  {
    name: "the bridge has lost a pod's neighbour",
    check: "pods",
    breaks: () => host("ip neighbour del 10.244.1.2 dev cw0"),
    verdict: "fail",
    evidence: /^cw0 has no permanent neighbour for 10\.244\.1\.2/,
    remedy: "ip neighbour replace 10.244.1.2 lladdr 0a:58:0a:f4:01:02 dev cw0 nud permanent",
  },
  {
    name: "a pod may not send from its link-local address any more",
    check: "source check",
    breaks: () =>
      host(`nft 'delete element bridge causeway sources6 { ${linkOf("c1")} . fe80::858:aff:fef4:102 }'`),
    verdict: "fail",
    evidence:
      /^set sources6 lacks cw\w{13} \. fe80::858:aff:fef4:102: what the pod sends from there is dropped$/,
    remedy: `nft add element bridge causeway sources6 '{ ${linkOf("c1")} . fe80::858:aff:fef4:102 }'`,
  },
  {
    name: "a pod may not send from any of its addresses",
    check: "source check",
    breaks: () => host("nft flush set bridge causeway sources4; nft flush set bridge causeway sources6"),
    verdict: "fail",
    evidence: /^set sources4 lacks cw\w{13} \. 10\.244\.1\.2: /,
    remedy: /^nft add element bridge causeway sources4 /,
    findings: 3,
  },
  {
    name: "the overlay's guard has forgotten a node",
    check: "overlay guard",
    breaks: () =>
      host(
        "nft flush set inet causeway nodes4; nft flush map inet causeway overlay4; nft flush set inet causeway inner4-24",
      ),
    verdict: "fail",
    evidence: /^set nodes4 lacks 203\.0\.113\.7: what the node sends from there is dropped$/,
    remedy: "nft add element inet causeway nodes4 '{ 203.0.113.7 }'",
    findings: 3,
  },
  {
    name: "a VXLAN device has lost where a node is",
    check: "other nodes",
    breaks: () => host("bridge fdb del 0a:58:cb:00:71:07 dev cw-vx dst 203.0.113.7 self"),
    verdict: "fail",
    evidence: /^10\.244\.3\.0\/24: cw-vx has no forwarding entry for 0a:58:cb:00:71:07$/,
    remedy: "bridge fdb replace 0a:58:cb:00:71:07 dev cw-vx dst 203.0.113.7 self permanent",
  },
  {
    name: "the bridge is wider than the way on",
    check: "MTU",
    breaks: () => host("ip link set cw0 mtu 1480"),
    verdict: "warn",
    evidence: /^bridge cw0 has MTU 1480, but the path beyond it carries only 1450/,
    remedy: "ip link set dev cw0 mtu 1450",
  },
  {
    name: "the VXLAN device is wider than the uplink allows",
    check: "MTU",
    breaks: () => host("ip link set cw-vx mtu 1480"),
    verdict: "fail",
    evidence:
      /^VXLAN device cw-vx has MTU 1480, which with 50 bytes of headers exceeds that of up0 \(1500\)$/,
    remedy: "ip link set dev cw-vx mtu 1450",
  },
  {
    name: "a router between the nodes carries less, and says so",
    check: "MTU",
    breaks: () => outside.run("ip", "link", "set", "beyond0", "mtu", "1420"),
    verdict: "warn",
    evidence:
      /^up0 to 203\.0\.113\.7 \(overlay, 1500 bytes\): a router reports large packets as too big; 1420 bytes pass$/,
    remedy: "ip link set dev up0 mtu 1420 && ip link set dev cw-vx mtu 1370 && ip link set dev cw0 mtu 1370",
  },
  {
    name: "large packets vanish between the nodes",
    check: "MTU",
    breaks: () => outside.run("ip", "link", "set", "far0", "mtu", "1400"),
    verdict: "fail",
    evidence:
      /^up0 to 203\.0\.113\.7 \(overlay, 1420 bytes\): large packets are lost, small ones arrive; 1400 bytes pass$/,
    remedy: "ip link set dev up0 mtu 1400 && ip link set dev cw-vx mtu 1350 && ip link set dev cw0 mtu 1350",
  },
  {
    name: "a program has the UDP port of the overlay",
    check: "VXLAN port",
    async breaks() {
      await host("ip link set cw-vx down");
      holder = spawn(
        process.execPath,
        ["-e", "require('dgram').createSocket('udp4').bind(4789, () => console.log('bound'))"],
        {
          stdio: ["ignore", "pipe", "ignore"],
        },
      );
      await once(holder.stdout ?? holder, "data");
    },
    verdict: "fail",
    evidence: /^process \d+ \(\S+\) uses UDP port 4789, so Causeway's VXLAN device cannot come up$/,
    remedy: /^kill \d+$/,
  },
  {
    name: "the VXLAN device is down",
    check: "datapath",
    breaks: async () => undefined,
    verdict: "fail",
    evidence: /^link cw-vx is down$/,
    remedy: "ip link set dev cw-vx up",
  },
  {
    name: "another network's VXLAN device has the number and the port",
    check: "VXLAN port",
    breaks: () =>
      host(
        "ip link del cw-vx; ip link add vxlan.other type vxlan id 4096 dstport 4789 local 192.0.2.10; ip link set vxlan.other up",
      ),
    verdict: "warn",
    evidence:
      /^foreign VXLAN device vxlan\.other uses VNI 4096 on UDP port 4789, so Causeway's cannot be created$/,
    remedy: "ip link delete dev vxlan.other",
  },
  ...[
    { way: "external", options: "external" },
    { way: "gbp", options: "id 7 gbp" },
    { way: "udp6zerocsumrx", options: "id 7 udp6zerocsumrx" },
  ].map(({ way, options }) => ({
    name: `another network's VXLAN device has the port, and receives otherwise: ${way}`,
    check: "VXLAN port",
    breaks: () =>
      host(`ip link add vxlan.other type vxlan ${options} dstport 4789; ip link set vxlan.other up`),
    verdict: "warn" as const,
    evidence: new RegExp(
      `^foreign VXLAN device vxlan\\.other uses UDP port 4789 alone \\(${way}\\), so Causeway's cannot come up$`,
    ),
    remedy: "ip link delete dev vxlan.other",
  })),
];

test("what an agent that was merely stopped has left is put right by its start: the conflist stays, without which no pod could be deleted", async () => {
  const conflist = join(node.cniConfDir, CONFLIST_NAME);
  const remedy =
    "kubectl delete pod --all-namespaces --selector app.kubernetes.io/name=causeway --field-selector ";
  const faultsOf = async (): Promise<readonly Finding[]> =>
    (await doctor()).findings.filter(({ verdict }) => verdict === "warn" || verdict === "fail");
  const told = await faultsOf();
  assert.deepEqual(
    told.map(({ name, verdict }) => `${name} ${verdict}`),
    ["agent fail", "stale files warn", "stale files fail"],
  );
  writeFileSync(conflist, planConflist({ socket: "/run/gone/agent.sock" }));
  const astray = findingsOf(await doctor(), "stale files");
  assert.match(
    astray[1]?.evidence ?? "",
    /10-causeway\.conflist names the socket \/run\/gone\/agent\.sock \(missing\): the runtime considers the node ready, but no pod starts until/,
  );
  for (const finding of [...told, ...astray]) assert.ok(finding.remedy?.startsWith(remedy), finding.remedy);
  // What a cluster does on that command: the DaemonSet makes another pod.
  const agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
  assert.deepEqual(
    findingsOf(await doctor(), "stale files").map(({ verdict }) => verdict),
    ["ok"],
  );
  assert.ok(readFileSync(conflist, "utf8").includes(node.socket));
  await agent.end("SIGKILL");
  rmSync(conflist);
  rmSync(node.socket);
});

for (const { name, check, breaks, verdict, evidence, remedy, findings = 1, steps = 1 } of CASES) {
  test(`doctor: ${name}`, async () => {
    await breaks();
    let found = findingsOf(await doctor(), check);
    const [first] = found;
    assert.deepEqual([first?.verdict, found.length], [verdict, findings], JSON.stringify(found));
    assert.match(first?.evidence ?? "", evidence);
    if (typeof remedy === "string") assert.equal(first?.remedy, remedy);
    else assert.match(first?.remedy ?? "", remedy);
    for (let step = 0; step < steps; step++) {
      for (const finding of found) await host(finding.remedy ?? "false");
      found = findingsOf(await doctor(), check);
    }
    // "info" is where the dead agent alone could tell.
    const isRight = (finding: Finding): boolean =>
      finding.verdict === "ok" || (finding.verdict === "info" && check === "other nodes");
    assert.ok(found.every(isRight), JSON.stringify(found));
  });
}
