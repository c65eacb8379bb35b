/**
 * How an agent with network policies starts: with and without the API server, without Kubernetes, and with
 * policies switched off.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { NODE_NAME } from "../../testing/agent/agent-process.ts";
import { formatObjects } from "../../testing/kube/format-objects.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import {
  hasTable,
  makePolicyNode,
  type PolicyNode,
  type PolicyPod,
} from "../../testing/policy/policy-node.ts";

let cluster: PolicyNode;

const CLOSED = { podSelector: {}, policyTypes: ["Ingress", "Egress"] };

beforeEach(async () => {
  cluster = await makePolicyNode("10.244.1.0/24", "fd00:1::/64");
  for (const name of ["a", "b"]) cluster.putNamespace(name);
});

afterEach(() => cluster.remove());

async function reaches(from: PolicyPod, to: PolicyPod): Promise<boolean> {
  const answers = await Promise.all(to.addresses.map((address) => cluster.reaches(from, address)));
  assert.equal(new Set(answers).size, 1, "both families fare alike");
  return answers[0] === true;
}

test("an agent that starts while the API server is away keeps what was in force, and lets no new pod start before it knows", async () => {
  cluster.putPolicy("a/closed", CLOSED);
  const first = cluster.start();
  await first.waitUntilReady();
  const web = await cluster.startPod("a/web");
  const client = await cluster.startPod("b/client");
  await first.end("SIGKILL");
  cluster.setAway(true);
  const second = cluster.start();
  await eventually("the agent serves", () => second.log().includes("Listening for the shim"));
  assert.equal(await reaches(client, web), false);
  await assert.rejects(cluster.add("b/late"), /"code":11,.*Network policies are not known yet: Cannot list/);
  await cluster.del(client);
  cluster.setAway(false);
  await second.waitUntilReady();
  const late = await cluster.startPod("b/late");
  assert.equal(await reaches(late, web), false);
});

test("policy.start: open lets pods start before policies are known", async () => {
  const first = cluster.start();
  await first.waitUntilReady();
  await first.end("SIGKILL");
  cluster.setAway(true);
  cluster.putPolicy("a/closed", CLOSED);
  const second = cluster.start("--policy-start", "open");
  await second.waitUntilReady();
  const web = await cluster.startPod("a/web");
  const client = await cluster.startPod("b/client");
  assert.equal(await reaches(client, web), true);
  cluster.setAway(false);
  await cluster.podBecomes(false, client, web);
});

test("without Kubernetes a file has the objects, which is followed", async () => {
  const { node } = cluster;
  const objectsFile = join(node.folder, "objects.yaml");
  const namespaces = ["a", "b"].map((name) => ({ kind: "Namespace", metadata: { name } }));
  const pods = ["a/web", "b/client"].map((key) => {
    const [namespace, name] = key.split("/");
    return { kind: "Pod", metadata: { namespace, name }, spec: { nodeName: NODE_NAME } };
  });
  const policy = { kind: "NetworkPolicy", metadata: { namespace: "a", name: "closed" }, spec: CLOSED };
  writeFileSync(objectsFile, formatObjects([...namespaces, ...pods, policy]));
  node.writeNodes("10.244.1.0/24", "fd00:1::/64");
  const agent = node.start("--standalone", "--nodes-file", node.nodesFile, "--objects-file", objectsFile);
  await agent.waitUntilReady();
  const [web, client] = [await cluster.startPod("a/web"), await cluster.startPod("b/client")];
  assert.equal(await reaches(client, web), false);
  writeFileSync(objectsFile, formatObjects([...namespaces, ...pods]));
  await cluster.podBecomes(true, client, web);
  await eventually("no policy, no table", async () => !(await hasTable()));
});

test("policy.enabled: false takes away what an agent before has enforced, and asks the API for nodes alone", async () => {
  cluster.putPolicy("a/closed", CLOSED);
  const first = cluster.start();
  await first.waitUntilReady();
  const web = await cluster.startPod("a/web");
  const client = await cluster.startPod("b/client");
  assert.equal(await reaches(client, web), false);
  await first.end("SIGTERM");
  assert.equal(await hasTable(), true);
  const asked = cluster.api.requests.length;
  const second = cluster.start("--policy-enabled", "false");
  await second.waitUntilReady();
  await eventually("the table is gone", async () => !(await hasTable()));
  assert.equal(await reaches(client, web), true);
  assert.deepEqual(
    cluster.api.requests.slice(asked).filter(({ path }) => !path.endsWith("/nodes")),
    [],
  );
});
