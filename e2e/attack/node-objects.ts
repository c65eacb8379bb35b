import { rmSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { writeKubeconfig } from "../../agent/testing/kube/kubeconfig.ts";
import { startProcess } from "../lib/process.ts";
import { REPOSITORY } from "../lib/tools.ts";
import type { LabNode } from "../nodes/cluster-lab.ts";
import type { NodePlace } from "../nodes/cluster-network.ts";
import type { AttackLab } from "./attack-lab.ts";

/** As much of a Node as counts here. */
export interface NodeObject {
  readonly metadata: { readonly name: string; readonly uid: string; readonly creationTimestamp: string };
  readonly spec: { readonly podCIDRs: readonly string[] };
  readonly status: {
    readonly addresses: readonly { readonly type: "InternalIP"; readonly address: string }[];
  };
}

/** A Node that was created in this second of the first minute of a year. */
export function nodeObject(
  { name, addresses, podCIDRs }: Pick<NodePlace, "name" | "addresses" | "podCIDRs">,
  second: number,
): NodeObject {
  const creationTimestamp = `2026-01-01T00:00:${String(second).padStart(2, "0")}Z`;
  return {
    metadata: { name, uid: `uid-${name}-${second}`, creationTimestamp },
    spec: { podCIDRs },
    status: { addresses: addresses.map((address) => ({ type: "InternalIP", address })) },
  };
}

/** A node that takes its nodes from Kubernetes. */
export interface ObjectLab {
  /**
   * Makes the API server have all nodes of the lab, and these, also in place of one of the same name. With
   * "unwatched" agents see it by their next list.
   */
  setOthers(others: readonly NodeObject[], how?: "watched" | "unwatched"): Promise<void>;
  /** Starts the agent anew: one whose watches have failed again and again lists after half a minute. */
  restartAgent(): Promise<void>;
  /** Back to the nodes file. */
  close(): Promise<void>;
}

const API_PORT = "6443";

/** Starts the agent of a node anew, beside an API server that has all nodes of the lab. */
export async function createObjectLab(
  lab: AttackLab,
  node: LabNode,
  ...flags: readonly string[]
): Promise<ObjectLab> {
  const { folder, nodes } = lab;
  const socket = join(folder, "objects.sock");
  const script = join(REPOSITORY, "e2e", "attack", "api-server.ts");
  const command = [...node.netns.enter, process.execPath, script, API_PORT, socket];
  const server = await startProcess({ name: "api-server", command, folder });
  const url = await server.waitForLine(/^http/, 5000);
  const honest = nodes.map(({ place }, index) => nodeObject(place, index));
  const kubeconfig = join(folder, "kubeconfig");
  writeKubeconfig({ path: kubeconfig, server: url, user: { token: "test" } });
  const restartAgent = async (): Promise<void> => {
    await node.stopAgent("SIGTERM");
    await node.startAgentWith({ kubeconfig, flags });
  };
  const setOthers: ObjectLab["setOthers"] = (others, how = "watched") =>
    put(socket, `/${how}`, [...honest, ...others]);
  const close = async (): Promise<void> => {
    await node.stopAgent("SIGTERM");
    await server.stop();
    rmSync(socket);
    await node.startAgent();
  };
  await setOthers([]);
  await restartAgent();
  return { setOthers, restartAgent, close };
}

function put(socketPath: string, path: string, nodes: readonly NodeObject[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, method: "PUT", agent: false }, (response) => {
      response.resume().once("end", resolve);
    });
    asked.once("error", reject);
    asked.end(JSON.stringify(nodes));
  });
}
