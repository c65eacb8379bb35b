import { CONTROL_PLANE } from "./fabric.ts";

export type Family = 4 | 6;

/** What all parts of a cluster must agree on. */
export interface ClusterPlan {
  /** The first one is that of the control plane. */
  readonly families: readonly Family[];
  readonly nodeNames: readonly string[];
  /** Address of the control plane. */
  readonly controlPlane: string;
  readonly apiServer: string;
  readonly podCIDRs: readonly string[];
  readonly serviceCIDRs: readonly string[];
  /** Bearer tokens by user: "admin", "controller-manager", "scheduler", "proxy", and the nodes' names. */
  readonly tokens: Readonly<Record<string, string>>;
}

export const API_PORT = 6443;

const POD_CIDRS = { 4: "10.244.0.0/16", 6: "fd00:10:244::/56" } as const;
const SERVICE_CIDRS = { 4: "10.96.0.0/16", 6: "fd00:10:96::/112" } as const;

/** Of the service "kubernetes", through which pods reach the API server: the first one of the CIDR. */
export const API_SERVICE = ["10.96.0.1", "fd00:10:96::1"] as const;

export function planCluster(
  families: readonly [Family, ...Family[]],
  nodeNames: readonly string[],
): ClusterPlan {
  const controlPlane = CONTROL_PLANE[families[0] === 4 ? 0 : 1];
  const users = ["admin", "controller-manager", "scheduler", "proxy", ...nodeNames];
  return {
    families,
    nodeNames,
    controlPlane,
    apiServer: `https://${hostOf(controlPlane)}:${API_PORT}`,
    podCIDRs: families.map((family) => POD_CIDRS[family]),
    serviceCIDRs: families.map((family) => SERVICE_CIDRS[family]),
    tokens: Object.fromEntries(users.map((user) => [user, `token-of-${user}`])),
  };
}

/** The API server's file of static tokens: token, user, UID, groups. */
export function planTokenFile({ tokens, nodeNames }: ClusterPlan): string {
  const identityOf = (user: string): string => {
    if (nodeNames.includes(user)) return `system:node:${user},${user},"system:nodes"`;
    if (user === "admin") return `admin,${user},"system:masters"`;
    return `system:kube-${user},${user},""`;
  };
  const lines = Object.entries(tokens).map(([user, token]) => `${token},${identityOf(user)}`);
  return `${lines.join("\n")}\n`;
}

/** An address as URLs have it. */
export function hostOf(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}
