import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ClusterNode } from "./cluster-node.ts";
import { PATHS } from "./node-config.ts";

const CONFLIST = "20-reference.conflist";

/** Gives a node the reference plugins bridge, host-local and portmap, with its own pod CIDRs. */
export function installReferenceNetwork(
  node: ClusterNode,
  cniPlugins: string,
  podCIDRs: readonly string[],
): void {
  const bins = join(node.root, PATHS.cniBinDir);
  for (const name of readdirSync(cniPlugins)) copyFileSync(join(cniPlugins, name), join(bins, name));
  const folder = join(node.root, PATHS.cniConfDir);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, CONFLIST), `${JSON.stringify(planReferenceConflist(podCIDRs))}\n`);
}

export function removeReferenceNetwork(node: ClusterNode): void {
  rmSync(join(node.root, PATHS.cniConfDir, CONFLIST));
}

/** The usual conflist of a node without a network plugin of its own. */
function planReferenceConflist(podCIDRs: readonly string[]): object {
  const ipam = {
    type: "host-local",
    dataDir: "/run/cni-ipam",
    ranges: podCIDRs.map((subnet) => [{ subnet }]),
    routes: podCIDRs.map((cidr) => ({ dst: cidr.includes(":") ? "::/0" : "0.0.0.0/0" })),
  };
  return {
    cniVersion: "1.0.0",
    name: "reference",
    plugins: [
      { type: "bridge", bridge: "ref0", isGateway: true, ipMasq: true, ipam },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  };
}
