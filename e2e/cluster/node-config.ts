import { planContainerdConfig } from "../lib/containerd-config.ts";
import { PAUSE_IMAGE } from "../lib/containerd.ts";
import type { ClusterPlan } from "./cluster-plan.ts";

export type ProxyMode = "iptables" | "nftables";

/** Paths inside of every node. */
export const PATHS = {
  containerd: "/opt/containerd",
  runc: "/opt/runc/runc",
  kubernetes: "/opt/kubernetes",
  cniBinDir: "/opt/cni/bin",
  cniConfDir: "/etc/cni/net.d",
  containerdSocket: "/run/containerd/containerd.sock",
  authority: "/etc/kubernetes/authority.crt",
} as const;

export const CONTAINERD_METRICS = "127.0.0.1:1338";

export interface NodeConfigInput {
  readonly name: string;
  readonly plan: ClusterPlan;
  readonly proxyMode: ProxyMode;
  readonly containerdMajorVersion: number;
}

/** The configuration files of a node, by their paths in it. */
export function planNodeFiles(input: NodeConfigInput): Readonly<Record<string, string>> {
  const { name, plan, proxyMode, containerdMajorVersion } = input;
  return {
    "/etc/hostname": `${name}\n`,
    "/etc/hosts": `127.0.0.1 localhost\n::1 localhost\n127.0.1.1 ${name}\n`,
    "/etc/resolv.conf": `nameserver ${plan.controlPlane}\n`,
    "/etc/machine-id": `${Buffer.from(name).toString("hex").padEnd(32, "0")}\n`,
    "/etc/containerd/config.toml": planContainerdConfig({
      majorVersion: containerdMajorVersion,
      root: "/var/lib/containerd",
      state: "/run/containerd",
      socket: PATHS.containerdSocket,
      metricsAddress: CONTAINERD_METRICS,
      runc: PATHS.runc,
      cniBinDir: PATHS.cniBinDir,
      cniConfDir: PATHS.cniConfDir,
      sandboxImage: PAUSE_IMAGE,
    }),
    "/etc/kubernetes/kubelet.kubeconfig": planKubeconfig(plan, PATHS.authority, name),
    "/etc/kubernetes/proxy.kubeconfig": planKubeconfig(plan, PATHS.authority, "proxy"),
    "/etc/kubernetes/kubelet.yaml": json(planKubeletConfig()),
    "/etc/kubernetes/proxy.yaml": json(planProxyConfig(plan, name, proxyMode)),
  };
}

/** `user`: of the control plane's token file. */
export function planKubeconfig(plan: ClusterPlan, authority: string, user: string): string {
  const cluster = { server: plan.apiServer, "certificate-authority": authority };
  return json({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "e2e", cluster }],
    users: [{ name: user, user: { token: plan.tokens[user] } }],
    contexts: [{ name: "e2e", context: { cluster: "e2e", user } }],
    "current-context": "e2e",
  });
}

function planKubeletConfig(): object {
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    containerRuntimeEndpoint: `unix://${PATHS.containerdSocket}`,
    cgroupDriver: "cgroupfs",
    failCgroupV1: false,
    failSwapOn: false,
    enforceNodeAllocatable: [],
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: false },
      x509: { clientCAFile: PATHS.authority },
    },
    authorization: { mode: "AlwaysAllow" },
    clusterDomain: "cluster.local",
    resolvConf: "/etc/resolv.conf",
    maxPods: 200,
    // All nodes share the machine's disk, so that its state is not theirs.
    evictionHard: { "imagefs.available": "1%", "nodefs.available": "1%", "memory.available": "50Mi" },
    imageGCHighThresholdPercent: 100,
    serializeImagePulls: false,
  };
}

function planProxyConfig(plan: ClusterPlan, name: string, mode: ProxyMode): object {
  return {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode,
    hostnameOverride: name,
    clusterCIDR: plan.podCIDRs.join(),
    clientConnection: { kubeconfig: "/etc/kubernetes/proxy.kubeconfig" },
    // The table's size is the machine's.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
  };
}

/** JSON is YAML. */
function json(value: object): string {
  return `${JSON.stringify(value, undefined, 1)}\n`;
}
