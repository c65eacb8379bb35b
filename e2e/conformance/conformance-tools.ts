import { join } from "node:path";
import { runCommand } from "../lib/command.ts";
import { findPackaged, REPOSITORY } from "../lib/tools.ts";

/** What `build.sh` has built, and what its image needs besides. */
export interface ConformanceTools {
  readonly agnhost: string;
  readonly bash: string;
  /** Tests of Kubernetes' own, of NetworkPolicy. */
  readonly netpolTests: string;
  /** Tests of the Network Policy API, of ClusterNetworkPolicy. */
  readonly clusterPolicyTests: string;
  /** The definition of ClusterNetworkPolicy with all its fields. */
  readonly definition: string;
}

export async function findConformanceTools(): Promise<ConformanceTools> {
  const built = (await runCommand([join(REPOSITORY, "e2e", "conformance", "build.sh")])).trim();
  return {
    agnhost: join(built, "agnhost"),
    bash: findPackaged("conformance", "bash-static/bin/bash-static"),
    netpolTests: join(built, "netpol.test"),
    clusterPolicyTests: join(built, "cluster-network-policy.test"),
    definition: join(built, "experimental.yaml"),
  };
}
