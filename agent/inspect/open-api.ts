import { type ApiClient, createApiClient } from "../kube/api/api-client.ts";
import { createCredentials, type Credentials } from "../kube/api/credentials.ts";

export interface ApiTarget {
  readonly kubeconfig: string | undefined;
  readonly apiServer: string | undefined;
  /** Whether the environment tells where the API server is, as in a pod. */
  readonly isInCluster: boolean;
  readonly version: string;
}

export interface OpenApi {
  readonly credentials: Credentials;
  readonly client: ApiClient;
}

/** Why {@link openApi} gives nothing. */
export const NOT_ASKED = "this process does not run in a cluster, and --kubeconfig is not given";

/** Opens the API server with the agent's credentials; undefined: there are none. */
export function openApi({ kubeconfig, apiServer, isInCluster, version }: ApiTarget): OpenApi | undefined {
  if (kubeconfig === undefined && !isInCluster) return undefined;
  const credentials = createCredentials({ kubeconfig, apiServer });
  return { credentials, client: createApiClient({ credentials, userAgent: `causeway/${version}` }) };
}
