import assert from "node:assert/strict";
import { connect, createServer, type NetConnectOpts, type Socket } from "node:net";
import { once } from "node:events";
import { request } from "node:http";
import { afterEach, beforeEach, test } from "node:test";
import { type AgentProcess, makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns, type Netns, runOnHost } from "../../testing/machine/netns.ts";
import { runShipped } from "../../testing/agent/run-causeway.ts";

/** An address of the node that is no loopback. */
const NODE = "192.0.2.10";
const HTTP = { host: NODE, port: 18_900 } as const;
const PROBES = { host: "127.0.0.1", port: 18_901 } as const;

let node: TestNode;
const pods: Netns[] = [];
const sockets: Socket[] = [];

beforeEach(async () => {
  node = makeNode();
  node.writeNodes("10.244.1.0/24", "fd00:1::/64");
  await runOnHost("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "wire");
  await runOnHost("ip", "address", "add", `${NODE}/24`, "dev", "uplink");
  await runOnHost("ip", "link", "set", "uplink", "up");
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const pod of pods.splice(0)) await pod.remove();
  await node.remove();
  await runOnHost("ip", "link", "delete", "uplink");
});

function start(...flags: readonly string[]): AgentProcess {
  const listen = ["--http", `${NODE}:${HTTP.port}`, "--probes", `127.0.0.1:${PROBES.port}`];
  return node.start("--standalone", "--nodes-file", node.nodesFile, ...listen, ...flags);
}

interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/** Undefined while nobody answers. */
function get(
  { host, port }: typeof HTTP | typeof PROBES,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer | undefined> {
  return new Promise((resolve) => {
    const asked = request({ host, port, path, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.once("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.once("error", () => resolve(undefined));
    asked.end();
  });
}

async function statusesOf(place: typeof HTTP | typeof PROBES): Promise<Record<string, number | undefined>> {
  const paths = ["/metrics", "/healthz", "/readyz", "/", "/report.json"];
  const answers = await Promise.all(paths.map(async (path) => (await get(place, path))?.status));
  return Object.fromEntries(paths.map((path, index) => [path, answers[index]]));
}

const becomesReady = (agent: AgentProcess): Promise<void> =>
  eventually("the agent is ready", async () => (await get(PROBES, "/readyz"))?.status === 200, agent.log);

async function add(containerId: string): Promise<Netns> {
  const pod = await makeNetns();
  pods.push(pod);
  await node.add(containerId, pod);
  return pod;
}

/** The status that a client in a pod gets, without any capability; "none" without an answer. */
async function askFrom(pod: Netns, url: string): Promise<string> {
  const script = `fetch("${url}").then(({ status }) => console.log(status), () => console.log("none"))`;
  const command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", process.execPath, "-e", script];
  return (await pod.run(...command)).trim();
}

test("a pod reads metrics and probes at the node's address, and neither page nor report, nor anything on loopback", async () => {
  await becomesReady(start());
  const all = { "/metrics": 200, "/healthz": 200, "/readyz": 200, "/": 200, "/report.json": 200 };
  assert.deepEqual(await statusesOf(PROBES), all);
  assert.deepEqual(await statusesOf(HTTP), { ...all, "/": 404, "/report.json": 404 });
  const pod = await add("c1");
  assert.equal(await askFrom(pod, `http://${NODE}:${HTTP.port}/metrics`), "200");
  assert.equal(await askFrom(pod, `http://${NODE}:${HTTP.port}/report.json`), "404");
  assert.equal(await askFrom(pod, `http://${NODE}:${PROBES.port}/report.json`), "none");
});

test("causeway page prints the page as it is, without a script, and says so when nobody answers", async () => {
  await becomesReady(start());
  const printed = await runShipped(["page", "--socket", node.socket]);
  assert.equal(printed.exitCode, 0, printed.stderr);
  assert.match(printed.stdout, /^<!doctype html>[^]*<title>node-1: ready<\/title>[^]*<\/html>\n$/);
  assert.doesNotMatch(printed.stdout, /<script/);
  const silent = await runShipped(["page", "--socket", `${node.socket}.gone`]);
  assert.deepEqual([silent.exitCode, silent.stdout], [1, ""]);
  assert.match(silent.stderr, /^causeway: Cannot print the page: .*causeway status/);
});

test("the page at the node's address has an option of its own", async () => {
  await becomesReady(start("--http-page", "node"));
  assert.equal((await get(HTTP, "/report.json"))?.status, 200);
});

test("a request for another host is refused on both listeners (DNS rebinding), and what the operator added is not", async () => {
  await becomesReady(start("--http-host", "metrics.example"));
  for (const place of [HTTP, PROBES]) {
    assert.equal((await get(place, "/metrics", { host: "evil.example" }))?.status, 421);
    assert.equal((await get(place, "/metrics", { host: "metrics.example:80" }))?.status, 200);
    assert.equal((await get(place, "/metrics", { host: "node-1" }))?.status, 200);
  }
});

test("an HTTP port that somebody else has leaves CNI as it is, is told by /readyz, and is taken once it is free", async () => {
  const rival = createServer().listen(HTTP.port, NODE);
  await once(rival, "listening");
  const agent = start();
  await becomesReady(agent);
  await add("c1");
  const told = await get(PROBES, "/readyz");
  assert.match(told?.text ?? "", /^ok\nwarning: http: Cannot listen on http 192\.0\.2\.10:18900: EADDRINUSE/);
  assert.equal((await node.call("STATUS", { version: "1.1.0" })).exitCode, 0);
  rival.close();
  await eventually("it listens", async () => (await get(HTTP, "/metrics"))?.status === 200, agent.log);
  assert.equal((await get(PROBES, "/readyz"))?.text, "ok\n");
});

test("an address that the node does not have yet is waited for", async () => {
  await runOnHost("ip", "address", "delete", `${NODE}/24`, "dev", "uplink");
  const agent = start();
  await becomesReady(agent);
  assert.match((await get(PROBES, "/readyz"))?.text ?? "", /^ok\nwarning: http: .*EADDRNOTAVAIL/);
  await runOnHost("ip", "address", "add", `${NODE}/24`, "dev", "uplink");
  await eventually("it listens", async () => (await get(HTTP, "/metrics"))?.status === 200, agent.log);
});

test("1,000 idle connections on the socket, and 1,000 over HTTP, delay no pod and no probe", async () => {
  const agent = start();
  await becomesReady(agent);
  const idle = (place: NetConnectOpts): Socket => {
    const socket = connect(place);
    socket.on("error", () => undefined); // being cut off is its end
    sockets.push(socket);
    return socket;
  };
  const onSocket = Array.from({ length: 1000 }, () => idle({ path: node.socket }));
  await Promise.all(onSocket.map((socket) => once(socket, "connect")));
  for (let index = 0; index < 1000; index++) idle(HTTP);
  const pod = await add("c1");
  assert.equal((await get(PROBES, "/healthz"))?.status, 200);
  await pod.run("ping", "-c1", "-w5", "10.244.1.1");
  await node.del("c1", pod.path);
});
