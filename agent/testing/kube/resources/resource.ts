/** A kind of object as an API server serves it. */
export interface Resource {
  /** `v1` or `GROUP/VERSION`. */
  readonly apiVersion: string;
  readonly kind: string;
  /** Word of its path, and of permissions. */
  readonly plural: string;
}

export const NODES: Resource = { apiVersion: "v1", kind: "Node", plural: "nodes" };
export const DAEMON_SETS: Resource = { apiVersion: "apps/v1", kind: "DaemonSet", plural: "daemonsets" };
export const PODS: Resource = { apiVersion: "v1", kind: "Pod", plural: "pods" };
export const NAMESPACES: Resource = { apiVersion: "v1", kind: "Namespace", plural: "namespaces" };
export const NETWORK_POLICIES: Resource = {
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  plural: "networkpolicies",
};

export const DEFINITIONS: Resource = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
};

/** Name of a kind's CustomResourceDefinition; undefined of one that servers have by themselves. */
export function definitionOf({ apiVersion, plural }: Resource): string | undefined {
  const [group = "", version] = apiVersion.split("/");
  const isBuiltIn = version === undefined || !group.includes(".") || group === "networking.k8s.io";
  return isBuiltIn ? undefined : `${plural}.${group}`;
}

export interface ResourcePath {
  readonly apiVersion: string;
  readonly plural: string;
  /** Undefined for the whole cluster's. */
  readonly namespace: string | undefined;
}

const PATH = /^\/(?:api\/(v1)|apis\/([^/]+\/[^/]+))(?:\/namespaces\/([^/]+))?\/([^/]+)$/;

/** Takes the path of a collection apart; undefined for other paths. */
export function parseResourcePath(path: string): ResourcePath | undefined {
  const [, core, group, namespace, plural] = PATH.exec(path) ?? [];
  const apiVersion = core ?? group;
  return apiVersion === undefined || plural === undefined ? undefined : { apiVersion, plural, namespace };
}
