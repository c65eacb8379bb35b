import { type Process, start, startAgent } from "../scale/processes.ts";
import { WORK_FOLDER, writeWork } from "../machine.ts";

/** How packets come from node to node. */
export type Way = "direct" | "VXLAN";

/** A program that gives a node the routes to all others. */
export interface Daemon {
  readonly name: string;
  /** What the API server is told, so that nodes look like those of a cluster that runs this program. */
  serverFlags(way: Way): readonly string[];
  start(way: Way, kubeconfig: string): Process;
}

/** Ours does the work of the plugins, policies and host ports in the same process. */
export const causeway: Daemon = {
  name: "Causeway",
  serverFlags: () => [],
  start: (way, kubeconfig) =>
    startAgent(WORK_FOLDER, { kubeconfig, overlay: way === "direct" ? "auto" : "always" }),
};

/** Flannel's daemon with the flags of its own chart. */
export function flannel(program: string): Daemon {
  const backendOf = (way: Way): string => (way === "direct" ? "host-gw" : "vxlan");
  return {
    name: "flannel",
    serverFlags: (way) => ["--flannel", backendOf(way)],
    start(way, kubeconfig) {
      const config = { Network: "11.0.0.0/8", Backend: { Type: backendOf(way) } };
      const flags = {
        "kubeconfig-file": kubeconfig,
        "net-config-path": writeWork("net-conf.json", JSON.stringify(config)),
        "subnet-file": `${WORK_FOLDER}/subnet.env`,
        iface: "up0",
      };
      const list = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
      return start(program, ["--kube-subnet-mgr", "--ip-masq", ...list], { NODE_NAME: "node-1" });
    },
  };
}
