import { join } from "node:path";
import { runCommand } from "../lib/command.ts";
import {
  type ContainerdTools,
  findCached,
  findPackaged,
  inspectContainerd,
  REPOSITORY,
} from "../lib/tools.ts";

/** What `packages.sh cluster` has got: paths of programs, and of folders with several. */
export interface ClusterTools {
  readonly containerd: ContainerdTools;
  readonly runc: string;
  readonly cniPlugins: string;
  readonly criApi: string;
  readonly etcd: string;
  readonly prometheus: string;
  readonly kubernetes: string;
  /** Such as 1.34.4. */
  readonly kubernetesVersion: string;
  readonly helm: string;
  readonly kubectl: string;
}

export async function findClusterTools(): Promise<ClusterTools> {
  const find = (path: string): string => findPackaged("cluster", path);
  const kubernetes = (await runCommand([`${REPOSITORY}/e2e/cluster/kubernetes/build.sh`])).trim();
  const said = await runCommand([join(kubernetes, "kubelet"), "--version"]);
  return {
    containerd: await inspectContainerd(find("containerd-newest/usr/bin")),
    runc: find("runc/usr/sbin/runc"),
    cniPlugins: find("cni-plugins/usr/lib/cni"),
    criApi: find("cri-api"),
    etcd: find("etcd/usr/bin/etcd"),
    prometheus: find("prometheus/usr/bin/prometheus"),
    kubernetes,
    kubernetesVersion: said.trim().replace("Kubernetes v", ""),
    helm: findCached("cluster", "helm-4/helm"),
    kubectl: findCached("cluster", "helm-4/kubectl"),
  };
}
