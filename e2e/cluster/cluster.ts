import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { runCommand } from "../lib/command.ts";
import { removeCgroup } from "../lib/containerd.ts";
import { compileStatic } from "../lib/image.ts";
import { REPOSITORY } from "../lib/tools.ts";
import { type ClusterNode, createClusterNode } from "./cluster-node.ts";
import { API_SERVICE, type ClusterPlan, type Family, planCluster } from "./cluster-plan.ts";
import type { ClusterTools } from "./cluster-tools.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import { CONTROL_PLANE, createFabric, type Fabric } from "./fabric.ts";
import { PEER_SOURCE, writeImages } from "./images.ts";
import type { KubeApi } from "./kube-api.ts";
import type { ProxyMode } from "./node-config.ts";
import { createPki } from "./pki.ts";

export interface Cluster {
  readonly plan: ClusterPlan;
  readonly tools: ClusterTools;
  readonly fabric: Fabric;
  readonly controlPlane: ControlPlane;
  readonly api: KubeApi;
  readonly nodes: readonly ClusterNode[];
  /** Of this machine: the program of the pods (peer.c). */
  readonly peer: string;
  /** Takes files of this run. */
  readonly folder: string;
  /** The words that run kubectl as the administrator. */
  kubectlCommand(args: readonly string[]): readonly string[];
  kubectl(args: readonly string[]): Promise<string>;
  helm(...args: readonly string[]): Promise<string>;
  /** Runs a line of a document in the repository's folder, as the administrator who has helm and kubectl. */
  type(line: string): Promise<string>;
  close(): Promise<void>;
}

export interface ClusterInput {
  readonly tools: ClusterTools;
  readonly families: readonly [Family, ...Family[]];
  /** Of the nodes n1, n2, …: how their kube-proxy works. */
  readonly proxyModes: readonly ProxyMode[];
}

/** Starts the control plane and all nodes, which have no pod network yet. */
export async function createCluster({ tools, families, proxyModes }: ClusterInput): Promise<Cluster> {
  const { CAUSEWAY_E2E_FOLDER: runFolder, CAUSEWAY_E2E_TAG: tag } = process.env;
  if (runFolder === undefined || tag === undefined)
    throw new Error("Cannot run the e2e tests: start them with their run.sh, which cleans up after them");
  await using cleanUps = new AsyncDisposableStack();
  const folder = mkdtempSync(join(runFolder, "lab-"));
  cleanUps.defer(() => rmSync(folder, { recursive: true }));
  const names = proxyModes.map((_, index) => `n${index + 1}`);
  const plan = planCluster(families, names);
  const fabric = await createFabric(`${tag}-fabric`);
  cleanUps.defer(fabric.remove);
  const pki = await createPki(folder, [...CONTROL_PLANE, ...API_SERVICE]);
  const controlPlane = await startControlPlane({ plan, tools, netns: fabric.netns, folder, pki });
  cleanUps.defer(controlPlane.stop);

  const init = join(folder, "init");
  await compileStatic(join(REPOSITORY, "e2e", "lib", "pause.c"), init);
  const peer = join(folder, "peer");
  await compileStatic(PEER_SOURCE, peer);
  const images = await writeImages(folder);
  cleanUps.defer(() => removeCgroup(tag));
  const authority = readFileSync(pki.authority, "utf8");
  const common = { plan, tools, fabric, folder, authority, init, cgroup: tag };
  const nodes = proxyModes.map((proxyMode, index) =>
    createClusterNode({ ...common, proxyMode, number: index + 1, name: `n${index + 1}` }),
  );
  cleanUps.defer(async () => void (await Promise.all(nodes.map((node) => node.powerOff()))));
  await Promise.all(nodes.map((node) => bootWithImages(node, images)));

  const enter = [
    ...fabric.netns.enter,
    "env",
    `KUBECONFIG=${controlPlane.kubeconfig}`,
    ...helmFolders(folder),
  ];
  const kubectlCommand = (args: readonly string[]): readonly string[] => [...enter, tools.kubectl, ...args];
  const finish = cleanUps.move();
  return {
    plan,
    tools,
    fabric,
    controlPlane,
    api: controlPlane.api,
    nodes,
    peer,
    folder,
    kubectlCommand,
    kubectl: (args) => runCommand(kubectlCommand(args), { timeoutMs: 120_000 }),
    helm: (...args) => runCommand([...enter, tools.helm, ...args], { timeoutMs: 180_000 }),
    type(line) {
      const path = [dirname(tools.helm), dirname(tools.kubectl), process.env["PATH"]].join(":");
      const shell = ["sh", "-euc", `cd '${REPOSITORY}'; ${line}`];
      return runCommand([...enter, `PATH=${path}`, ...shell], { timeoutMs: 300_000 });
    },
    close: () => finish.disposeAsync(),
  };
}

async function bootWithImages(node: ClusterNode, images: readonly string[]): Promise<void> {
  await node.boot();
  for (const image of images) await node.importImage(image);
}

function helmFolders(folder: string): readonly string[] {
  const helm = join(folder, "helm");
  mkdirSync(helm);
  return ["CACHE", "CONFIG", "DATA"].map((kind) => `HELM_${kind}_HOME=${join(helm, kind.toLowerCase())}`);
}
