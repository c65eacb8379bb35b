/**
 * Every check of `causeway doctor` is tried by breaking that very thing with the ordinary tools: it must name what was broken, and the remedy, run
 * as it is printed, must put it right. The agent is dead, so that nobody else does.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Verdict } from "./diagnosis/finding.ts";
import { makeNode, NODE_NAME, type TestNode } from "./testing/agent-process.ts";
import { eventually } from "./testing/eventually.ts";
import { makeNetns, type Netns, runOnHost } from "./testing/netns.ts";
import { dumpNodeState } from "./testing/node-state.ts";
import { type FindingsReport, findingsOf, runCauseway } from "./testing/run-causeway.ts";

let node: TestNode;
let pod: Netns;
/** The network around the node: a router, a node on the same subnet, and one behind the router. */
let outside: Netns;

const host = (script: string): Promise<string> => runOnHost("sh", "-ec", script);

before(async () => {
  node = makeNode();
  outside = await makeNetns();
  pod = await makeNetns();
  await host(`ip link add up0 type veth peer name far0 netns ${outside.pid}; ip link set up0 addrgenmode none
    ip address add 192.0.2.10/24 dev up0; ip -6 address add 2001:db8::10/64 dev up0 nodad; ip link set up0 up
    ip route add default via 192.0.2.1; sysctl -qw net.ipv6.conf.up0.accept_ra=0`);
  await outside.run(
    "sh",
    "-ec",
    `ip link set lo up; ip link set far0 addrgenmode none; ip address add 192.0.2.1/24 dev far0; ip address add 192.0.2.11/24 dev far0
    ip address add 203.0.113.7/32 dev lo; ip -6 address add 2001:db8::1/64 dev far0 nodad; ip link set far0 up; sysctl -qw net.ipv4.icmp_ratelimit=0`,
  );
  writeFileSync(
    node.nodesFile,
    JSON.stringify([
      {
        name: NODE_NAME,
        addresses: ["192.0.2.10", "2001:db8::10"],
        podCIDRs: ["10.244.1.0/24", "fd00:1::/64"],
      },
      { name: "near", addresses: ["192.0.2.11"], podCIDRs: ["10.244.2.0/24"] },
      { name: "far", addresses: ["203.0.113.7"], podCIDRs: ["10.244.3.0/24"] },
    ]),
  );
  const agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
  await node.add("c1", pod);
  await agent.end("SIGKILL");
  await host(`sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0`);
});

after(async () => {
  await pod.remove();
  await outside.remove();
  await node.remove();
  await runOnHost("sh", "-c", "ip link del up0; ip link del cw-vx; true");
});

async function doctor(around: readonly string[] = []): Promise<FindingsReport> {
  const { socket, cniBinDir, cniConfDir } = node;
  const paths = ["--socket", socket, "--cni-bin-dir", cniBinDir, "--cni-conf-dir", cniConfDir];
  const { stdout, stderr } = await runCauseway(["doctor", "--json", ...paths], around);
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
];

for (const { name, check, breaks, verdict, evidence, remedy } of CASES) {
  test(`doctor: ${name}`, async () => {
    await breaks();
    const [found, ...others] = findingsOf(await doctor(), check);
    assert.deepEqual([found?.verdict, others], [verdict, []], JSON.stringify([found, others]));
    assert.match(found?.evidence ?? "", evidence);
    if (typeof remedy === "string") assert.equal(found?.remedy, remedy);
    else assert.match(found?.remedy ?? "", remedy);
    await host(found?.remedy ?? "false");
    const left = findingsOf(await doctor(), check);
    assert.deepEqual(
      left.map((finding) => finding.verdict),
      ["ok"],
      JSON.stringify(left),
    );
  });
}
void [eventually, dumpNodeState, mkdirSync, readFileSync, rmSync, join];
