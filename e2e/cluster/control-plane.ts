import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Netns } from "../lib/netns.ts";
import { type ManagedProcess, startProcess } from "../lib/process.ts";
import { REPOSITORY } from "../lib/tools.ts";
import { waitFor } from "../lib/wait-for.ts";
import { API_PORT, type ClusterPlan, planTokenFile } from "./cluster-plan.ts";
import type { ClusterTools } from "./cluster-tools.ts";
import { connectKubeApi, type KubeApi } from "./kube-api.ts";
import { planKubeconfig } from "./node-config.ts";
import type { Pki } from "./pki.ts";

/** etcd, API server, controller manager and scheduler. */
export interface ControlPlane {
  readonly api: KubeApi;
  /** As whoever has the token; to be closed. */
  connectAs(token: string): KubeApi;
  /** Of the administrator. */
  readonly kubeconfig: string;
  stopApiServer(): Promise<void>;
  /** Starts it again, and waits until it is ready. */
  startApiServer(): Promise<void>;
  stop(): Promise<void>;
}

export interface ControlPlaneInput {
  readonly plan: ClusterPlan;
  readonly tools: ClusterTools;
  readonly netns: Netns;
  readonly folder: string;
  readonly pki: Pki;
}

const ETCD = "http://127.0.0.1:2379";
const ETCD_PEER = "http://127.0.0.1:2380";

export async function startControlPlane(input: ControlPlaneInput): Promise<ControlPlane> {
  const { plan, tools, netns, folder, pki } = input;
  await using cleanUps = new AsyncDisposableStack();
  const start = async (
    name: string,
    program: string,
    flags: Readonly<Record<string, string>>,
  ): Promise<ManagedProcess> => {
    const words = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    return startProcess({
      name,
      command: [...netns.enter, program, ...words],
      folder,
      env: { HOME: folder },
    });
  };
  const startUntilEnd = async (...input_: Parameters<typeof start>): Promise<void> => {
    const started = await start(...input_);
    cleanUps.defer(async () => void (await started.stop("SIGKILL")));
  };
  const socketPath = join(folder, "api.sock");
  const script = join(REPOSITORY, "e2e", "lib", "unix-relay.ts");
  const relay = await startProcess({
    name: "api-relay",
    command: [...netns.enter, process.execPath, script, socketPath, plan.controlPlane, String(API_PORT)],
    folder,
  });
  cleanUps.defer(async () => void (await relay.stop()));
  await relay.waitForLine(/^listening$/, 5000);

  await startUntilEnd("etcd", tools.etcd, etcdFlags(join(folder, "etcd")));
  writeFileSync(join(folder, "tokens.csv"), planTokenFile(plan));
  const authority = readFileSync(pki.authority, "utf8");
  const connectAs = (token: string): KubeApi => connectKubeApi({ socketPath, authority, token });
  const api = connectAs(plan.tokens["admin"] ?? "");
  cleanUps.defer(() => api.close());
  let apiServer: ManagedProcess | undefined;
  const startApiServer = async (): Promise<void> => {
    const flags = apiServerFlags(plan, pki, folder);
    apiServer = await start("kube-apiserver", join(tools.kubernetes, "kube-apiserver"), flags);
    await waitUntilReady(apiServer, api);
  };
  const stopApiServer = async (): Promise<void> => void (await apiServer?.stop("SIGKILL"));
  cleanUps.defer(stopApiServer);
  await startApiServer();

  const kubeconfigOf = (user: string): string => {
    const path = join(folder, `${user}.kubeconfig`);
    writeFileSync(path, planKubeconfig(plan, pki.authority, user));
    return path;
  };
  const loopFlags = { "leader-elect": "false", "bind-address": "127.0.0.1", "cert-dir": folder };
  await startUntilEnd("kube-controller-manager", join(tools.kubernetes, "kube-controller-manager"), {
    ...loopFlags,
    kubeconfig: kubeconfigOf("controller-manager"),
    "use-service-account-credentials": "true",
    "allocate-node-cidrs": "true",
    // An outage of the API is tested, and it must not be the nodes' fault.
    "node-monitor-grace-period": "200s",
    "cluster-cidr": plan.podCIDRs.join(),
    "service-cluster-ip-range": plan.serviceCIDRs.join(),
    "service-account-private-key-file": pki.serviceAccountKey,
    "root-ca-file": pki.authority,
  });
  await startUntilEnd("kube-scheduler", join(tools.kubernetes, "kube-scheduler"), {
    ...loopFlags,
    kubeconfig: kubeconfigOf("scheduler"),
  });
  const finish = cleanUps.move();
  return {
    api,
    connectAs,
    kubeconfig: kubeconfigOf("admin"),
    stopApiServer,
    startApiServer,
    stop: () => finish.disposeAsync(),
  };
}

/** A cluster of one run need not survive a loss of power. */
function etcdFlags(folder: string): Readonly<Record<string, string>> {
  return {
    "data-dir": folder,
    "unsafe-no-fsync": "true",
    "listen-client-urls": ETCD,
    "advertise-client-urls": ETCD,
    "listen-peer-urls": ETCD_PEER,
    "initial-advertise-peer-urls": ETCD_PEER,
    "initial-cluster": `default=${ETCD_PEER}`,
  };
}

function apiServerFlags(plan: ClusterPlan, pki: Pki, folder: string): Readonly<Record<string, string>> {
  return {
    "etcd-servers": ETCD,
    "bind-address": plan.controlPlane,
    "advertise-address": plan.controlPlane,
    "secure-port": String(API_PORT),
    "cert-dir": folder,
    "tls-cert-file": pki.server.certificate,
    "tls-private-key-file": pki.server.key,
    "client-ca-file": pki.authority,
    "kubelet-client-certificate": pki.kubeletClient.certificate,
    "kubelet-client-key": pki.kubeletClient.key,
    "kubelet-preferred-address-types": "InternalIP",
    "token-auth-file": join(folder, "tokens.csv"),
    "authorization-mode": "Node,RBAC",
    "enable-admission-plugins": "NodeRestriction",
    "service-cluster-ip-range": plan.serviceCIDRs.join(),
    "service-account-issuer": "https://kubernetes.default.svc",
    "service-account-signing-key-file": pki.serviceAccountKey,
    "service-account-key-file": pki.serviceAccountKey,
    "allow-privileged": "true",
  };
}

async function waitUntilReady(apiServer: ManagedProcess, api: KubeApi): Promise<void> {
  const probe = async (): Promise<boolean | undefined> => {
    if (!apiServer.isRunning()) return false;
    return (await api.text("/readyz")) === "ok" || undefined;
  };
  const isReady = await waitFor("the API server", probe, { timeoutMs: 60_000, intervalMs: 100 });
  if (!isReady) throw new Error(`The API server ended: ${apiServer.output().slice(-2000)}`);
}
