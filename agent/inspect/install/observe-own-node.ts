import { createApiClient } from "../../kube/api/api-client.ts";
import { asApiError } from "../../kube/api/api-error.ts";
import { createCredentials } from "../../kube/api/credentials.ts";
import type { ClusterNode } from "../../kube/nodes/node-view.ts";
import { projectNode } from "../../kube/nodes/project-node.ts";
import { isObject } from "../../lib/json.ts";
import type { ApiTarget } from "../observe/observe-api.ts";

const TIMEOUT_MS = 1000;

/**
 * This node's object, by a list of one name, which a kubelet's credentials may ask for too; else why it is
 * unknown.
 */
export async function observeOwnNode(
  { kubeconfig, apiServer, isInCluster, version }: ApiTarget,
  nodeName: string,
): Promise<ClusterNode | { readonly reason: string }> {
  if (kubeconfig === undefined && !isInCluster)
    return { reason: "this process does not run in a cluster, and --kubeconfig is not given" };
  const client = createApiClient({
    credentials: createCredentials({ kubeconfig, apiServer }),
    userAgent: `causeway/${version}`,
  });
  try {
    const query = { fieldSelector: `metadata.name=${nodeName}` };
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const body = await client.send({ method: "GET", path: "/api/v1/nodes", query, signal });
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk);
    const list: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    const [item] = isObject(list) && Array.isArray(list["items"]) ? (list["items"] as unknown[]) : [];
    if (item === undefined) return { reason: `the cluster has no node "${nodeName}"` };
    const projected = projectNode(item);
    return projected.kind === "usable" ? projected.object : { reason: projected.reason };
  } catch (error) {
    return { reason: asApiError(error).message };
  } finally {
    client.close();
  }
}
