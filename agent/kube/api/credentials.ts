import { readFileSync } from "node:fs";
import type { Agent, RequestOptions } from "node:https";
import { dirname, resolve } from "node:path";
import { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import { parse, stringify } from "yaml";
import { isObject } from "../../lib/json.ts";

export interface CredentialsOptions {
  /** Path of a kubeconfig; without it the service account of the pod is used. */
  readonly kubeconfig?: string | undefined;
  /** URL of the API server, instead of the one that kubeconfig or environment name. */
  readonly apiServer?: string | undefined;
  /** Put before the fixed paths of the service account, for tests. */
  readonly serviceAccountRoot?: string | undefined;
}

/** What a request needs to be let in. */
export interface RequestCredentials {
  /** Base URL without final slash; may have a path. */
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  /** CA, client certificate, server name and the like. */
  readonly tls: RequestOptions;
  /** Set when the kubeconfig wants a proxy. */
  readonly proxyAgent: Agent | undefined;
}

/**
 * Credentials of the agent, through client-node's KubeConfig: kubeconfig with token, token file,
 * certificates, exec or OIDC plugin; in-cluster with a token that the kubelet rotates.
 */
export interface Credentials {
  /** Reads again what is due. Throws when files are missing or say nothing useful. */
  forRequest(): Promise<RequestCredentials>;
  /** Forgets all that was read: the server did not accept it, so it may have been replaced on disk. */
  forget(): void;
}

export function createCredentials(options: CredentialsOptions): Credentials {
  let config: KubeConfig | undefined;
  return {
    async forRequest() {
      config ??= loadConfig(options);
      const server = config.getCurrentCluster()?.server;
      if (server === undefined) throw new Error("the kubeconfig has no current cluster");
      const tls: RequestOptions = {};
      await config.applyToHTTPSOptions(tls);
      const { agent, headers, ...rest } = tls;
      const hasProxy = config.getCurrentCluster()?.proxyUrl !== undefined;
      return {
        server,
        headers: textHeaders(headers),
        tls: rest,
        proxyAgent: hasProxy ? (agent as Agent) : undefined,
      };
    },
    forget() {
      config = undefined;
    },
  };
}

function loadConfig({ kubeconfig, apiServer, serviceAccountRoot }: CredentialsOptions): KubeConfig {
  const config = new KubeConfig();
  if (kubeconfig === undefined) config.loadFromCluster(serviceAccountRoot);
  else loadFile(config, kubeconfig);
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  if (apiServer !== undefined && cluster !== null && user !== null)
    config.loadFromClusterAndUser({ ...cluster, server: apiServer.replace(/\/$/, "") }, user);
  else if (kubeconfig === undefined && cluster?.server.includes("undefined") === true)
    throw new Error(
      'KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: not in a cluster, "--kubeconfig" is needed',
    );
  return config;
}

/**
 * client-node 2.0.1 ignores the key `tokenFile` of a user: it is given to its file reader, which reads again
 * every 60 s.
 */
function loadFile(config: KubeConfig, path: string): void {
  const folder = dirname(path);
  const document: unknown = parse(readFileSync(path, "utf8"));
  if (!isObject(document)) throw new Error(`"${path}" is not a kubeconfig`);
  const users = Array.isArray(document["users"]) ? document["users"] : [];
  for (const entry of users as readonly unknown[]) {
    const user = isObject(entry) && isObject(entry["user"]) ? (entry["user"] as Record<string, unknown>) : {};
    if (typeof user["tokenFile"] !== "string") continue;
    user["auth-provider"] = { name: "tokenFile", config: { tokenFile: resolve(folder, user["tokenFile"]) } };
    delete user["token"]; // as in client-go, the file wins
  }
  config.loadFromString(stringify(document));
  config.makePathsAbsolute(folder);
}

/** Token files often end in a newline, which is no valid part of a header. */
function textHeaders(headers: RequestOptions["headers"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers ?? {}).map(([name, value]) => [name, String(value).trim()]),
  );
}
