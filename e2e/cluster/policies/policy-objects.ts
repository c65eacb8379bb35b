import type { V1Service } from "@kubernetes/client-node";
import type { Cluster } from "../cluster.ts";

const pathOf = (namespace: string): string =>
  `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`;

/**
 * Creates a NetworkPolicy, or gives one another spec. The types of the client library do not have the API's
 * `from`.
 */
export async function putPolicy(
  { api }: Cluster,
  namespace: string,
  name: string,
  spec: object,
): Promise<void> {
  await api.remove(`${pathOf(namespace)}/${name}`);
  await api.create(pathOf(namespace), { metadata: { name }, spec });
}

export async function removePolicy({ api }: Cluster, namespace: string, name: string): Promise<void> {
  await api.remove(`${pathOf(namespace)}/${name}`);
}

/** Nothing in, nothing out. */
export const CLOSED = { podSelector: {}, policyTypes: ["Ingress", "Egress"] };

export const byApp = (app: string): { readonly matchLabels: { readonly app: string } } => ({
  matchLabels: { app },
});

/** Pods of the label app=server are reached by these peers alone. */
export const serversFrom = (peers: readonly object[]): object => ({
  podSelector: byApp("server"),
  policyTypes: ["Ingress"],
  ingress: peers.length === 0 ? [] : [{ from: peers }],
});

/** Creates a service of all families in front of the pods with the label app=NAME. */
export async function putService(
  { api, plan }: Cluster,
  namespace: string,
  name: string,
  spec: Pick<NonNullable<V1Service["spec"]>, "type" | "externalTrafficPolicy" | "ports">,
): Promise<NonNullable<V1Service["spec"]>> {
  const ipFamilyPolicy = plan.families.length > 1 ? "RequireDualStack" : "SingleStack";
  const service = await api.create<V1Service>(`/api/v1/namespaces/${namespace}/services`, {
    metadata: { name },
    spec: { selector: { app: name }, ipFamilyPolicy, ...spec },
  });
  return service.spec ?? {};
}
