/**
 * No remedy that doctor or trace prints is undone by the agent. Each is run as it is printed while the agent
 * is stopped; then the agent goes on, repairs what was broken afterwards, and verifies everything twice: the
 * node is as the remedy has left it.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Finding } from "../../diagnosis/finding.ts";
import { shippedFile } from "../../lib/shipped.ts";
import { hostLinkName } from "../../net/host-link.ts";
import { askForVerification } from "../../report/ask-agent.ts";
import type { AgentProcess, TestNode } from "../../testing/agent/agent-process.ts";
import { kindsOf, REMEDIES, REMEDY_KINDS, type RemedyKind } from "../../testing/agent/remedies.ts";
import { findingsOf, type FindingsReport, runCauseway } from "../../testing/agent/run-causeway.ts";
import { writeKubeconfig } from "../../testing/kube/kubeconfig.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNeighbourhood, type Neighbourhood } from "../../testing/machine/neighbourhood.ts";
import { makeNetns, type Netns, host } from "../../testing/machine/netns.ts";
import { dumpNodeState } from "../../testing/machine/node-state.ts";
import { privileged } from "../../testing/runner/privileged.ts";

let lab: Neighbourhood;
let node: TestNode;
let agent: AgentProcess;
let holder: ChildProcess | undefined;
const pods: Netns[] = [];
const tried = new Set<RemedyKind>();

const POD = hostLinkName("c1", "eth0");
/** Of a pod that no remedy is about. */
const CANARY = "10.244.1.4";

before(async () => {
  lab = await makeNeighbourhood();
  ({ node } = lab);
  await host("sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0");
  await startAgent();
  await addPod("c1");
  await addPod("web", [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }]);
  await addPod("canary");
});

after(async () => {
  holder?.kill();
  for (const pod of pods) await pod.remove();
  await lab.remove();
});

async function startAgent(): Promise<void> {
  agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  await agent.waitUntilReady();
}

async function addPod(containerId: string, portMappings: readonly object[] = []): Promise<void> {
  const netns = await makeNetns();
  pods.push(netns);
  const { exitCode, stdout } = await node.call("ADD", {
    containerId,
    netns: netns.path,
    runtimeConfig: { portMappings },
  });
  assert.equal(exitCode, 0, stdout);
}

/** All that remedies change: network, settings, files. */
async function stateOf(): Promise<string> {
  const settings = await host(
    "cd /proc/sys/net; grep -s . ipv4/conf/*/forwarding ipv4/conf/*/rp_filter ipv6/conf/*/forwarding ipv6/conf/*/accept_ra bridge/*",
  );
  const files = await host(
    `cd ${node.folder}; find bin net.d -type f -printf '%p %m\\n' -exec sha256sum {} + | sort`,
  );
  return `${await dumpNodeState()}${settings}${files}`;
}

type Asked = "doctor" | readonly [source: string, target: string];

/** What a command with these arguments finds on the node. */
async function findings([command = "", ...args]: readonly string[]): Promise<readonly Finding[]> {
  const { stdout, stderr } = await runCauseway([command, "--json", ...pathFlags(command), ...args]);
  assert.equal(stderr, "");
  return (JSON.parse(stdout) as FindingsReport).findings;
}

function ask(asked: Asked): Promise<readonly Finding[]> {
  return findings(asked === "doctor" ? ["doctor"] : ["trace", ...asked]);
}

function pathFlags(command: string): readonly string[] {
  const { socket, cniBinDir, cniConfDir } = node;
  const ofDoctor = ["--cni-bin-dir", cniBinDir, "--cni-conf-dir", cniConfDir];
  return ["--socket", socket, ...(command === "doctor" ? ofDoctor : [])];
}

/** Remedies that are to be run here, each once. */
function remediesOf(found: readonly Finding[]): readonly string[] {
  const remedies = new Set(found.flatMap(({ remedy }) => remedy ?? []));
  return [...remedies].filter((remedy) => kindsOf(remedy).every(({ kind }) => kind.excluded === undefined));
}

/** One remedy may bring the next to light; what helps nothing would never end. */
const MOST_ROUNDS = 6;

async function runRemedies(asked: Asked): Promise<readonly string[]> {
  const run: string[] = [];
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const remedies = remediesOf(await ask(asked));
    if (remedies.length === 0) return run;
    for (const remedy of remedies) {
      await host(remedy);
      if (remedy.startsWith("kill ")) await eventually("it ends", () => holder?.signalCode !== null);
      run.push(remedy);
      for (const { kind } of kindsOf(remedy)) tried.add(kind);
    }
  }
  return assert.fail(`remedies do not help: ${run.join("\n")}`);
}

async function whileStopped<Result>(act: () => Promise<Result>): Promise<Result> {
  agent.child.kill("SIGSTOP");
  try {
    return await act();
  } finally {
    agent.child.kill("SIGCONT");
  }
}

async function verify(): Promise<readonly string[]> {
  const answer = await askForVerification(node.socket, 20_000);
  assert.ok(answer.kind === "answer", JSON.stringify(answer));
  return answer.report.faults;
}

/** The agent repairs what is broken now: so it has had the time to undo what was done before. */
async function awaitRepairs(): Promise<void> {
  await host(`ip neighbour delete ${CANARY} dev cw0`);
  rmSync(join(node.cniBinDir, "causeway"));
  await eventually("the agent repairs what is broken after the remedy", async () => {
    const neighbours = await host("ip neighbour show dev cw0 nud permanent");
    return neighbours.includes(`${CANARY} `) && existsSync(join(node.cniBinDir, "causeway"));
  });
}

interface Trial {
  readonly name: string;
  readonly asked?: Asked;
  readonly breaks: () => Promise<unknown>;
  /** How many different kinds of commands it takes at least. */
  readonly kinds?: number;
  /** The remedy clears the way for the agent, which does the rest: in the end all is as before. */
  readonly isAgentNeeded?: boolean;
  /** Takes away what is not ours. */
  readonly clears?: () => Promise<unknown>;
}

const TRIALS: readonly Trial[] = [
  {
    name: "settings of the node",
    async breaks() {
      await host(
        `sysctl -qw net.ipv4.conf.cw0.forwarding=0 net.ipv4.conf.up0.rp_filter=1 net.ipv6.conf.all.forwarding=0 net.ipv6.conf.up0.accept_ra=1 net.bridge.bridge-nf-call-iptables=1`,
      );
      // What a strict filter drops: from an address to which the node has another way.
      await lab.outside.run(
        "bash",
        "-ec",
        "ip address add 10.244.3.77/32 dev lo; ip route add 192.0.2.10/32 dev far0 src 10.244.3.77; echo x > /dev/udp/192.0.2.10/9; ip route del 192.0.2.10/32; ip address del 10.244.3.77/32 dev lo",
      );
    },
    kinds: 5,
    clears: () => host("sysctl -qw net.ipv6.conf.up0.accept_ra=0"),
  },
  {
    name: "another program's packet filter",
    breaks: () =>
      host("nft 'table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }'"),
    clears: () => host("nft delete table ip filter"),
  },
  {
    name: "files of the runtime",
    async breaks() {
      writeFileSync(join(node.cniConfDir, "05-other.conflist"), "{}");
      writeFileSync(join(node.cniBinDir, ".causeway.causeway-tmp"), "half");
      rmSync(join(node.cniBinDir, "causeway"));
    },
    kinds: 3,
    clears: async () => rmSync(join(node.cniConfDir, "05-other.conflist.disabled")),
  },
  {
    name: "the bridge is down",
    breaks: () => host("ip link set cw0 down"),
    kinds: 3,
    // The kernel has forgotten its IPv6 addresses, too, which nobody else knows.
    isAgentNeeded: true,
  },
  {
    name: "a pod's link is down, and no port",
    breaks: () => host(`ip link set ${POD} nomaster; ip link set ${POD} down`),
    kinds: 4,
  },
  {
    name: "a pod's own end is down",
    asked: ["10.244.1.2", "10.244.1.3"],
    breaks: () => (pods[0] as Netns).run("ip", "link", "set", "eth0", "down"),
  },
  {
    name: "elements of the guards are gone",
    breaks: () =>
      host(
        "nft flush set bridge causeway sources4; nft flush set bridge causeway sources6; nft delete element inet causeway nodes4 '{ 203.0.113.7 }'; nft delete element inet causeway overlay4 '{ 203.0.113.7 }'; nft delete element inet causeway inner4-24 '{ cb00:7107 . 10.244.3.0 }'",
      ),
    kinds: 3,
  },
  {
    name: "the way through VXLAN is gone",
    asked: ["10.244.1.2", "10.244.3.9"],
    breaks: () =>
      host("ip route delete 10.244.3.0/24; bridge fdb del 0a:58:cb:00:71:07 dev cw-vx dst 203.0.113.7 self"),
    kinds: 2,
  },
  {
    name: "the VXLAN device has lost a neighbour",
    asked: ["10.244.1.2", "10.244.3.9"],
    breaks: () => host("ip neighbour delete 10.244.3.1 dev cw-vx"),
  },
  {
    name: "links that are too wide",
    breaks: () => host("ip link set cw-vx mtu 1480; ip link set cw0 mtu 1480"),
    isAgentNeeded: true,
  },
  {
    name: "routes of others in the way",
    asked: ["10.244.1.2", "10.244.3.9"],
    breaks: () => host("ip route add 10.244.3.0/25 via 192.0.2.1; ip route add unreachable 203.0.113.0/24"),
    kinds: 2,
  },
  {
    name: "somebody's route in the place of a pod's",
    asked: ["10.244.1.2", "10.244.1.3"],
    breaks: () => host("ip route replace 10.244.1.3/32 via 192.0.2.1"),
    kinds: 2,
  },
  {
    name: "a node that does not answer",
    asked: ["10.244.1.2", "10.244.2.9"],
    // Of others the kernel forgets a failed one within seconds (neigh_periodic_work of net/core/neighbour.c).
    breaks: () => host("ip neighbour replace 192.0.2.11 dev up0 nud failed extern_learn"),
  },
  {
    name: "a host port without its element",
    asked: ["10.244.1.2", "192.0.2.10:8080"],
    breaks: () => host("nft delete element inet causeway ports4 '{ tcp . 8080 }'"),
  },
  {
    name: "a host port that leads to another pod",
    asked: ["10.244.1.2", "192.0.2.10:8080"],
    breaks: () =>
      host(
        "nft 'delete element inet causeway ports4 { tcp . 8080 }; add element inet causeway ports4 { tcp . 8080 : 10.244.1.2 . 80 }'",
      ),
  },
  {
    name: "a host port of no pod",
    asked: ["10.244.1.2", "192.0.2.10:7000"],
    breaks: () => host("nft add element inet causeway ports4 '{ tcp . 7000 : 10.244.1.9 . 70 }'"),
  },
  {
    name: "another VXLAN device in the place of ours",
    breaks: () =>
      host(
        "ip link del cw-vx; ip link add vxlan.other type vxlan id 4096 dstport 4789 local 192.0.2.10; ip link set vxlan.other up",
      ),
    isAgentNeeded: true,
  },
  {
    name: "a program on the overlay's port",
    async breaks() {
      await host("ip link set cw-vx down");
      const program = "require('dgram').createSocket('udp4').bind(4789, () => console.log('bound'))";
      holder = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "ignore"] });
      await once(holder.stdout ?? holder, "data");
    },
    kinds: 2,
    isAgentNeeded: true,
  },
];

for (const { name, asked = "doctor", breaks, kinds = 1, isAgentNeeded = false, clears } of TRIALS) {
  test(`no remedy is undone by the agent: ${name}`, async () => {
    const whole = await stateOf();
    const { run, state } = await whileStopped(async () => {
      await breaks();
      return { run: await runRemedies(asked), state: await stateOf() };
    });
    const ran = new Set(run.flatMap((remedy) => kindsOf(remedy).map(({ kind }) => kind)));
    assert.ok(ran.size >= kinds, run.join("\n"));
    const faults = await verify();
    if (!isAgentNeeded) assert.deepEqual(faults, [], run.join("\n"));
    await awaitRepairs();
    assert.deepEqual(await verify(), []);
    assert.equal(await stateOf(), isAgentNeeded ? whole : state, run.join("\n"));
    assert.deepEqual(remediesOf(await ask(asked)), []);
    await clears?.();
  });
}

test("no command takes away the route that leads our own PodCIDR nowhere, which the agent would put back", async () => {
  assert.match(await host("ip route show 10.244.1.0/24"), /^unreachable 10\.244\.1\.0\/24 proto 98/);
  const kubeconfig = join(node.folder, "kubeconfig");
  for (const { pod, nobody, url } of [
    { pod: "10.244.1.2", nobody: "10.244.1.99", url: "http://10.244.1.99:6443" },
    { pod: "fd00:1::2", nobody: "fd00:1::99", url: "http://[fd00:1::99]:6443" },
  ]) {
    writeKubeconfig({ path: kubeconfig, server: url, user: { token: "secret" } });
    for (const asked of [["doctor", "--kubeconfig", kubeconfig] as const, ["trace", pod, nobody] as const]) {
      const found = JSON.stringify(await findings(asked));
      assert.match(found, /"verdict":"fail"/);
      assert.doesNotMatch(found, /ip route delete/);
    }
  }
});

test("an older program beside a newer agent does not install its shim, over which the agent puts its own", async () => {
  const older = join(node.folder, "older");
  cpSync(new URL(".", shippedFile("causeway.mjs")), older, { recursive: true });
  const path = join(older, "bin/causeway");
  const shim = readFileSync(path, "latin1").replace(/(CAUSEWAY_SHIM_VERSION=)[\d.]+/, "$10.0.9");
  writeFileSync(path, shim, "latin1");
  const program = [process.execPath, join(older, "causeway.mjs"), "doctor", "--json"];
  const { stdout } = await privileged({ command: [...program, ...pathFlags("doctor")] });
  const [found] = findingsOf(JSON.parse(stdout) as FindingsReport, "shim");
  assert.deepEqual(
    { verdict: found?.verdict, remedy: found?.remedy },
    { verdict: "info", remedy: undefined },
    JSON.stringify(found),
  );
  assert.match(found?.evidence ?? "", /like the running agent$/);
});

test("no remedy is undone by the agent: a folder that has the socket's name", async () => {
  await agent.end("SIGKILL");
  rmSync(node.socket);
  mkdirSync(node.socket);
  assert.deepEqual(await runRemedies("doctor"), [`rm -r ${node.socket}`]);
  await startAgent();
  assert.deepEqual([...(await verify()), ...(await verify())], []);
  assert.deepEqual(remediesOf(await ask("doctor")), []);
});

test("every kind of remedy is run above, or excluded for a reason", () => {
  const known = new Set(REMEDIES.flatMap((remedy) => kindsOf(remedy).map(({ kind }) => kind)));
  assert.deepEqual(
    REMEDY_KINDS.filter((kind) => !known.has(kind)),
    [],
    "kinds of no remedy",
  );
  const untried = REMEDY_KINDS.filter((kind) => kind.excluded === undefined && !tried.has(kind));
  assert.deepEqual(untried, []);
});
