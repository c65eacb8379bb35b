import { hostname } from "node:os";
import { startProcess } from "../lib/process.ts";
import { waitUntilHolds } from "../lib/wait-for.ts";
import { askFrom } from "./ask.ts";
import type { Cluster } from "./cluster.ts";
import { WORLD } from "./fabric.ts";
import { PEER_PORT } from "./workloads.ts";

/** A server outside of the cluster, which tells its clients their addresses. */
export async function startWorldServer(
  cluster: Cluster,
): Promise<AsyncDisposable & { readonly hostName: string }> {
  const { enter } = cluster.fabric.netns;
  const command = [...enter, cluster.peer, "serve", String(PEER_PORT)];
  const server = await startProcess({ name: "world-server", command, folder: cluster.folder });
  const hostName = hostname();
  await waitUntilHolds(
    "an answer of the world's server",
    async () => {
      for (const answer of (await askFrom(cluster, enter, WORLD)).values())
        if (!answer.startsWith(hostName)) throw new Error(answer);
    },
    { timeoutMs: 5000 },
  );
  return { hostName, [Symbol.asyncDispose]: async () => void (await server.stop("SIGKILL")) };
}
