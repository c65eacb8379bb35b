/** File name in the CNI configuration folder unless told otherwise: sorts before what distributions ship. */
export const CONFLIST_NAME = "10-causeway.conflist";

/**
 * File name after an uninstallation, while pods still need one to be stopped: any other CNI's sorts before
 * it.
 */
export const LAST_CONFLIST_NAME = "zz-causeway.conflist";

/** Name of the network, which runtimes hand on with each call. */
export const NETWORK_NAME = "causeway";

/** Name of the shim in the CNI binary folder and `type` of our plugin. */
export const PLUGIN_TYPE = "causeway";

/**
 * The conflist as text. `cniVersion` is what runtimes before libcni 1.2 read (containerd 1.6 and 1.7 refuse
 * 1.1.0); newer ones take the highest of `cniVersions` and then ask STATUS and GC (containernetworking/cni
 * libcni/conf.go).
 */
export function planConflist({ socket }: { readonly socket: string }): string {
  // Only what is honoured: a runtime that is told of a capability takes it for granted.
  const capabilities = {
    ips: true,
    mac: true,
    portMappings: true,
    bandwidth: true,
    "io.kubernetes.cri.pod-annotations": true,
  };
  const conflist = {
    cniVersion: "1.0.0",
    cniVersions: ["0.3.1", "0.4.0", "1.0.0", "1.1.0"],
    name: NETWORK_NAME,
    plugins: [{ type: PLUGIN_TYPE, socket, capabilities }],
  };
  return `${JSON.stringify(conflist, undefined, 2)}\n`;
}
