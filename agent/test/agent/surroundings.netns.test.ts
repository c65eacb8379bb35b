import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { shippedFile } from "../../lib/shipped.ts";
import { makeNode, NODE_NAME, type TestNode } from "../../testing/agent/agent-process.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns, type Netns, runOnHost } from "../../testing/machine/netns.ts";
import { endPrivileged, privileged } from "../../testing/runner/privileged.ts";

const HTTP = "127.0.0.1:18990";

let node: TestNode;
let pod: Netns;
let running: number[];

beforeEach(async () => {
  node = makeNode();
  node.writeNodes("10.244.1.0/24", "fd00:10:244:1::/64");
  pod = await makeNetns();
  running = [];
});

afterEach(async () => {
  for (const pid of running) await endPrivileged(pid);
  await pod.remove();
  await runOnHost("sh", "-c", "nft delete table ip others; true");
  await node.remove();
});

/**
 * Starts the agent with the rights that it has elsewhere, and an empty /etc: no /etc/protocols,
 * /etc/services, /etc/iproute2.
 */
async function startWithoutEtc(): Promise<number> {
  const flags = {
    "node-name": NODE_NAME,
    "nodes-file": node.nodesFile,
    socket: node.socket,
    "cni-bin-dir": node.cniBinDir,
    "cni-conf-dir": node.cniConfDir,
    http: HTTP,
  };
  const agent = [
    "setpriv --bounding-set=-all,+net_admin --inh-caps=-all,+net_admin",
    `${process.execPath} ${shippedFile("causeway.mjs").pathname} agent --standalone`,
    ...Object.entries(flags).map(([name, value]) => `--${name} ${value}`),
  ].join(" ");
  const { pid } = await privileged({
    command: ["unshare", "-m", "sh", "-c", `mount -t tmpfs tmpfs /etc && exec ${agent} 2>&1`],
    background: true,
  });
  running.push(pid);
  return pid;
}

async function readiness(): Promise<string> {
  const response = await fetch(`http://${HTTP}/readyz`).catch(() => undefined);
  return response === undefined ? "no answer" : `${response.status} ${await response.text()}`;
}

async function waitUntilReady(): Promise<void> {
  await eventually("the agent is ready", async () => (await readiness()).startsWith("200"), readiness);
}

async function countPorts(map: string): Promise<number> {
  const said = await runOnHost("nft", "-j", "list", "map", "inet", "causeway", map);
  return said.match(/"comment"/g)?.length ?? 0;
}

test("a pod's host ports leave its node ready where no file names protocols, whoever changes rules and after a restart", async () => {
  const first = await startWithoutEtc();
  await waitUntilReady();
  const portMappings = [
    { hostPort: 8080, containerPort: 80, protocol: "tcp", hostIP: "127.0.0.1" },
    { hostPort: 8081, containerPort: 80, protocol: "tcp" },
    { hostPort: 5353, containerPort: 53, protocol: "udp" },
    { hostPort: 9999, containerPort: 99, protocol: "sctp" },
  ];
  const called = { containerId: "web", netns: pod.path, runtimeConfig: { portMappings } };
  const added = await node.call("ADD", called);
  assert.equal(added.exitCode, 0, added.stdout);
  const check = {
    ...called,
    stdin: JSON.stringify({
      ...configOf(node),
      runtimeConfig: { portMappings },
      prevResult: JSON.parse(added.stdout) as object,
    }),
  };
  const assertChecked = async (): Promise<void> => {
    const { exitCode, stdout } = await node.call("CHECK", check);
    assert.equal(exitCode, 0, stdout);
    assert.match(await readiness(), /^200/);
  };
  await runOnHost("nft", "add table ip others"); // as kube-proxy does all the time: a look at our tables is due
  await assertChecked();
  await runOnHost("nft", "flush map inet causeway ports4; flush map inet causeway addressports4");
  await eventually("the ports are back", async () => (await countPorts("ports4")) === 3);
  await assertChecked();
  await endPrivileged(first);
  await startWithoutEtc();
  await waitUntilReady();
  await assertChecked();
  assert.equal(await countPorts("addressports4"), 1);
});

function configOf({ socket }: TestNode): object {
  return { cniVersion: "1.0.0", name: "causeway", type: "causeway", socket };
}
