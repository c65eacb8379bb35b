import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { V1Node } from "@kubernetes/client-node";
import { waitFor, waitUntilHolds } from "../../lib/wait-for.ts";
import { killAgent, readyRestarts } from "../causeway.ts";
import type { Cluster } from "../cluster.ts";
import type { ClusterNode } from "../cluster-node.ts";
import { PROBER_IMAGE } from "../images.ts";
import { CLOSED, putPolicy } from "./policy-objects.ts";
import { createNamespace, type PolicyPod, removeNamespaces, startPod } from "./policy-pods.ts";

/** Its pods see and send what no policy forbids. */
const OPEN = "open";
/** Its policy is there before its first pod. */
const SHUT = "shut";
const PORT = 7001;
const WORKERS_PER_NODE = 2;
/** Of a pod after it is Ready: it has sent from its first moment on. */
const LIFE_MS = 200;
/** Some four start in five seconds on two busy cores. */
const PATIENCE_MS = 300_000;
const PATIENCE_PER_POD_MS = 10_000;

export interface PolicyChurnInput {
  /** How many come and go. */
  readonly pods: number;
  /** After every so many pods an agent is killed, each node's in turn. */
  readonly podsPerKill: number;
}

/**
 * No packet passes to or from a pod that a policy closes, in its first moments and its last, whatever happens
 * to the agent.
 */
export function testPolicyChurn(getCluster: () => Cluster, { pods, podsPerKill }: PolicyChurnInput): void {
  const title = `no packet reaches or leaves any of ${pods} pods that come and go under a policy, while agents are killed`;
  test(title, { timeout: PATIENCE_MS + pods * PATIENCE_PER_POD_MS }, async (t) => {
    const cluster = getCluster();
    await createNamespace(cluster, OPEN);
    await createNamespace(cluster, SHUT);
    await putPolicy(cluster, SHUT, "closed", CLOSED);
    const watchers = await Promise.all(cluster.nodes.map((node) => startWatcher(cluster, node)));
    await expectHearing(cluster, watchers);
    const before = await listenTo(cluster, watchers);

    let left = pods;
    const startMs = performance.now();
    const work = async (node: ClusterNode, worker: number): Promise<void> => {
      for (let round = 0; left > 0; round += 1) {
        left -= 1;
        const number = pods - left;
        await runBreaker(cluster, { node, name: `breaker-${node.name}-${worker}-${round}`, watchers });
        if (number % podsPerKill === 0) await killNext(cluster, number / podsPerKill);
      }
    };
    await Promise.all(
      cluster.nodes.flatMap((node) =>
        Array.from({ length: WORKERS_PER_NODE }, (_, worker) => work(node, worker)),
      ),
    );
    t.diagnostic(`${pods} pods in ${Math.round((performance.now() - startMs) / 1000)} s`);
    const after = await listenTo(cluster, watchers);
    assert.deepEqual(
      after.map((heard, index) => heard.slice(before[index]?.length)),
      watchers.map(() => []),
    );
    await removeNamespaces(cluster, [OPEN, SHUT]);
  });
}

/** Each node's agent in turn, once it runs: the kubelet makes one wait that ends often. */
async function killNext(cluster: Cluster, kill: number): Promise<void> {
  const node = cluster.nodes[kill % cluster.nodes.length] ?? assert.fail();
  await waitFor(
    `the agent of ${node.name}`,
    async () => (await readyRestarts(cluster, node)) !== undefined || undefined,
    { timeoutMs: 300_000, intervalMs: 200 },
  );
  await killAgent(node);
}

async function startWatcher(cluster: Cluster, node: ClusterNode): Promise<PolicyPod> {
  const { spec } = await cluster.api.get<V1Node>(`/api/v1/nodes/${node.name}`);
  const bases = (spec?.podCIDRs ?? []).map((cidr) => cidr.replace(/\/\d+$/, ""));
  const args = ["watch", String(PORT), ...bases];
  return startPod(cluster, { namespace: OPEN, name: `watcher-${node.name}`, node, container: prober(args) });
}

/** The test can fail: a pod without a policy is heard, because it sends and because it answers. */
async function expectHearing(cluster: Cluster, watchers: readonly PolicyPod[]): Promise<void> {
  const [node = assert.fail()] = cluster.nodes;
  const pod = await startBreaker(cluster, { namespace: OPEN, node, name: "control", watchers });
  await waitUntilHolds(
    "the watchers to hear a pod without a policy",
    async () => {
      const heard = await listenTo(cluster, watchers);
      for (const address of pod.addresses)
        for (const [index, { name }] of watchers.entries())
          assert.ok(heard[index]?.includes(address), `${name} has heard nothing from ${address}`);
    },
    { timeoutMs: 20_000, intervalMs: 200 },
  );
  await removeAndWait(cluster, OPEN, pod.name);
}

interface Breaker {
  readonly node: ClusterNode;
  readonly name: string;
  readonly watchers: readonly PolicyPod[];
}

async function runBreaker(cluster: Cluster, breaker: Breaker): Promise<void> {
  await startBreaker(cluster, { namespace: SHUT, ...breaker });
  await delay(LIFE_MS);
  await removeAndWait(cluster, SHUT, breaker.name);
}

async function startBreaker(
  cluster: Cluster,
  { namespace, node, name, watchers }: Breaker & { readonly namespace: string },
): Promise<PolicyPod> {
  const args = ["break", String(PORT), ...watchers.flatMap(({ addresses }) => addresses)];
  return startPod(cluster, { namespace, name, node, container: prober(args) });
}

/** It has no port that a kubelet could ask. */
function prober(args: readonly string[]): object {
  return { image: PROBER_IMAGE, args, readinessProbe: undefined };
}

/** Ends when its container has ended, not only the object. */
async function removeAndWait(cluster: Cluster, namespace: string, name: string): Promise<void> {
  await cluster.kubectl(["delete", "pod", name, `--namespace=${namespace}`, "--now"]);
}

/**
 * For each watcher the addresses that it has heard, in this order; not its own, which it sends to like to all
 * others.
 */
function listenTo(cluster: Cluster, watchers: readonly PolicyPod[]): Promise<readonly (readonly string[])[]> {
  const own = new Set(watchers.flatMap(({ addresses }) => addresses));
  return Promise.all(
    watchers.map(async ({ name }) => {
      const log = await cluster.kubectl(["logs", name, `--namespace=${OPEN}`]);
      const heard = [...log.matchAll(/^from (?:::ffff:)?(\S+)$/gm)].map(([, address = ""]) => address);
      return heard.filter((address) => !own.has(address));
    }),
  );
}
