import { copyFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { runCommand } from "../lib/command.ts";
import { removeCgroup } from "../lib/containerd.ts";
import { type CriClient, connectCri } from "../lib/cri.ts";
import { waitFor } from "../lib/wait-for.ts";
import type { ClusterPlan } from "./cluster-plan.ts";
import type { ClusterTools } from "./cluster-tools.ts";
import { type Fabric, nodeAddresses } from "./fabric.ts";
import { PATHS, planNodeFiles, type ProxyMode } from "./node-config.ts";
import { type NodeInit, startNodeInit } from "./node-init.ts";
import { makeNodeRoot } from "./node-root.ts";
import { createNodeService, type NodeService } from "./node-service.ts";

/** A node of the cluster, in namespaces of its own. */
export interface ClusterNode {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly proxyMode: ProxyMode;
  /** Its file system as seen from here. */
  readonly root: string;
  readonly containerd: NodeService;
  readonly kubelet: NodeService;
  cri(): CriClient;
  /** Path by which a file of the node can be reached from here; undefined while it is off. */
  outerPath(path: string): string | undefined;
  /** Runs a command in all its namespaces. */
  run(...command: readonly string[]): Promise<string>;
  /**
   * Words before a command that let it run in the node's network namespace with the file system of the
   * machine.
   */
  enterNetwork(): readonly string[];
  /** Puts an image (as an archive of the machine) into containerd. */
  importImage(archive: string): Promise<void>;
  boot(): Promise<void>;
  /** Ends everything at once, as when the power fails. */
  powerOff(): Promise<void>;
}

export interface ClusterNodeInput {
  readonly number: number;
  readonly name: string;
  readonly plan: ClusterPlan;
  readonly proxyMode: ProxyMode;
  readonly tools: ClusterTools;
  readonly fabric: Fabric;
  /** Of the run: takes logs and PIDs. */
  readonly folder: string;
  /** PEM of the cluster's authority. */
  readonly authority: string;
  /** A static program that reaps children. */
  readonly init: string;
  readonly cgroup: string;
}

const PROGRAM_PATHS =
  "/opt/containerd:/opt/runc:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const IN_CGROUP = join(import.meta.dirname, "in-cgroup.sh");

/** Makes the node's file system; {@link ClusterNode.boot} starts it. */
export function createClusterNode(input: ClusterNodeInput): ClusterNode {
  const { number, name, plan, proxyMode, tools, fabric, folder, cgroup } = input;
  const root = join(folder, name);
  const containerdMajorVersion = tools.containerd.majorVersion;
  makeNodeRoot(root, planNodeFiles({ name, plan, proxyMode, containerdMajorVersion }));
  writeFileSync(join(root, PATHS.authority), input.authority);
  copyFileSync(input.init, join(root, "init"));
  const addresses = plan.families.map((family) => nodeAddresses(number)[family === 4 ? 0 : 1]);
  const inCgroup = [IN_CGROUP, `${cgroup}/${name}`];
  let booted: { readonly init: NodeInit; readonly cri: CriClient } | undefined;
  const running = (): NonNullable<typeof booted> => {
    if (booted === undefined) throw new Error(`${name} is off`);
    return booted;
  };
  const enter = (): readonly string[] => {
    const namespaces = ["--mount", "--net", "--uts", "--ipc", "--pid", "--cgroup"];
    const environment = ["env", "-i", `PATH=${PROGRAM_PATHS}`, "HOME=/root"];
    return [...inCgroup, "nsenter", `--target=${running().init.pid}`, ...namespaces, "--", ...environment];
  };
  const service = (
    program: string,
    command: readonly string[],
    probe?: () => Promise<unknown>,
  ): NodeService =>
    createNodeService({ name: `${name}-${program}`, enter, command, folder, ...(probe && { probe }) });
  const containerd = service(
    "containerd",
    [`${PATHS.containerd}/containerd`, "--config", "/etc/containerd/config.toml"],
    () => running().cri.version(),
  );
  const kubelet = service("kubelet", [
    `${PATHS.kubernetes}/kubelet`,
    "--config=/etc/kubernetes/kubelet.yaml",
    "--kubeconfig=/etc/kubernetes/kubelet.kubeconfig",
    `--hostname-override=${name}`,
    `--node-ip=${addresses.join()}`,
    "--v=2",
  ]);
  const proxy = service("kube-proxy", [
    `${PATHS.kubernetes}/kube-proxy`,
    "--config=/etc/kubernetes/proxy.yaml",
  ]);

  const binds = {
    "/usr": "/usr",
    [PATHS.containerd]: tools.containerd.binFolder,
    [dirname(PATHS.runc)]: dirname(tools.runc),
    [PATHS.kubernetes]: tools.kubernetes,
  };
  return {
    name,
    addresses,
    proxyMode,
    root,
    containerd,
    kubelet,
    cri: () => running().cri,
    outerPath: (path) => booted && `/proc/${booted.init.pid}/root${path}`,
    run: (...command) => runCommand([...enter(), ...command]),
    enterNetwork: () => ["nsenter", `--net=/proc/${running().init.pid}/ns/net`, "--"],
    async importImage(archive) {
      const command = [`${PATHS.containerd}/ctr`, "--namespace", "k8s.io", "images", "import", "-"];
      const words = [...enter(), ...command].map((word) => `'${word}'`).join(" ");
      await runCommand(["sh", "-c", `${words} <'${archive}'`], { timeoutMs: 60_000 });
    },
    async boot() {
      const init = await startNodeInit({ name, root, binds, inCgroup, folder });
      booted = { init, cri: connectCri(`/proc/${init.pid}/root${PATHS.containerdSocket}`, tools.criApi) };
      await fabric.connect(init.pid, number);
      await containerd.start();
      await Promise.all([kubelet.start(), proxy.start()]);
    },
    async powerOff() {
      if (booted === undefined) return;
      booted.cri.close();
      await booted.init.kill();
      for (const { stop } of [containerd, kubelet, proxy]) await stop("SIGKILL");
      await fabric.disconnect(number);
      // They would not survive a loss of power; a kubelet that finds some takes a minute to give them up.
      const removeCgroups = (): true => {
        removeCgroup(`${cgroup}/${name}`);
        return true;
      };
      await waitFor(`the end of the cgroups of ${name}`, removeCgroups, { timeoutMs: 10_000 });
      booted = undefined;
    },
  };
}
