import type { V1Pod } from "@kubernetes/client-node";
import { waitFor } from "../lib/wait-for.ts";
import type { Cluster } from "./cluster.ts";
import { isReady, planPeer } from "./workloads.ts";

const PODS = "/api/v1/namespaces/default/pods";
const AT_ONCE_PER_NODE = 2;

/** Pods that come and go. */
export interface Churn extends AsyncDisposable {
  /** How many have been Ready so far. Throws what went wrong. */
  started(): number;
  /** Lets those that run end; gives how many were Ready in all. Throws what went wrong. */
  stop(): Promise<number>;
}

/** On every node, several at a time: creates a pod, waits until it is Ready, deletes it, and so on. */
export function churnPods(cluster: Cluster): Churn {
  const stopping = new AbortController();
  let started = 0;
  let failure: Error | undefined;
  const work = async (node: string, worker: number): Promise<void> => {
    for (let round = 0; !stopping.signal.aborted; round += 1) {
      await runPod(cluster, node, `churn-${node}-${worker}-${round}`);
      started += 1;
    }
  };
  const workers = cluster.nodes.flatMap(({ name }) =>
    Array.from({ length: AT_ONCE_PER_NODE }, (_, worker) =>
      work(name, worker).catch((cause: unknown) => {
        failure ??= new Error(`Pods no longer come and go on ${name}`, { cause });
      }),
    ),
  );
  const end = Promise.all(workers);
  const countStarted = (): number => {
    if (failure !== undefined) throw failure;
    return started;
  };
  return {
    started: countStarted,
    async stop() {
      stopping.abort();
      await end;
      return countStarted();
    },
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await end;
    },
  };
}

async function runPod({ api }: Cluster, node: string, name: string): Promise<void> {
  const { spec } = planPeer("churn", { node });
  await api.create(PODS, { metadata: { name, labels: { app: "churn" } }, spec });
  await waitFor(`pod ${name}`, async () => isReady(await api.get<V1Pod>(`${PODS}/${name}`)) || undefined, {
    timeoutMs: 60_000,
    intervalMs: 100,
  });
  await api.remove(`${PODS}/${name}`);
}
