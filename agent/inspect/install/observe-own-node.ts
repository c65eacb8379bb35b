import { readJson } from "../../kube/api/api-client.ts";
import { asApiError } from "../../kube/api/api-error.ts";
import type { ClusterNode } from "../../kube/nodes/node-view.ts";
import { projectNode } from "../../kube/nodes/project-node.ts";
import { isObject } from "../../lib/json.ts";
import { type ApiTarget, NOT_ASKED, openApi } from "../open-api.ts";

const TIMEOUT_MS = 1000;

/**
 * This node's object, by a list of one name, which a kubelet's credentials may ask for too; else why it is
 * unknown.
 */
export async function observeOwnNode(
  target: ApiTarget,
  nodeName: string,
): Promise<ClusterNode | { readonly reason: string }> {
  const api = openApi(target);
  if (api === undefined) return { reason: NOT_ASKED };
  const { client } = api;
  try {
    const query = { fieldSelector: `metadata.name=${nodeName}` };
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const body = await client.send({ method: "GET", path: "/api/v1/nodes", query, signal });
    const list = await readJson(body);
    const [item] = isObject(list) && Array.isArray(list["items"]) ? (list["items"] as unknown[]) : [];
    if (item === undefined) return { reason: `the cluster has no node "${nodeName}"` };
    const projected = projectNode(item, nodeName);
    return projected.kind === "usable" ? projected.object : { reason: projected.reason };
  } catch (error) {
    return { reason: asApiError(error).message };
  } finally {
    client.close();
  }
}
