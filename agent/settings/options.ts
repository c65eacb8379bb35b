import * as v from "valibot";
import { DNS_SUBDOMAIN } from "../net/dns-name.ts";
import { CONFLIST_NAME } from "../plan/node/conflist.ts";
import { ENCRYPTION_OPTIONS } from "./encryption-options.ts";
import { POLICY_OPTIONS } from "./policy-options.ts";
import {
  between,
  cidr,
  families,
  fileMode,
  flag,
  listenAddress,
  mtu,
  type Option,
  path,
  text,
} from "./schemas.ts";

/** A name, or an address, as it is in the Host of a request, without the port. */
const HOST_NAME = /^[a-z0-9_][a-z0-9_.:-]{0,252}$/;

/**
 * Longest path of the shim's socket: sun_path of linux/un.h less the final NUL, and less what `querySocket`
 * adds for the other one.
 */
const MAX_SOCKET_PATH = 101;

/**
 * Every setting but those of {@link POLICY_OPTIONS} and {@link ENCRYPTION_OPTIONS}: key of the YAML file,
 * flag of the command line, what it takes and what it does.
 */
export const OPTIONS = {
  standalone: {
    flag: "standalone",
    schema: v.optional(flag, false),
    value: "true|false",
    help: "work without Kubernetes; this node and its peers come from --nodes-file",
  },
  nodesFile: {
    flag: "nodes-file",
    schema: v.optional(path),
    value: "PATH",
    help: "YAML list of nodes as {name, addresses, podCIDRs}; the agent follows its changes",
  },
  objectsFile: {
    flag: "objects-file",
    schema: v.optional(path),
    value: "PATH",
    help: "YAML stream of Namespace, Pod, NetworkPolicy and ClusterNetworkPolicy objects; the agent follows its changes; needs --standalone",
  },
  nodeName: {
    flag: "node-name",
    schema: v.optional(v.pipe(text, v.regex(DNS_SUBDOMAIN, "must be a valid Kubernetes node name"))),
    value: "NAME",
    help: "name of this node; default: environment variable NODE_NAME, else the host name",
  },
  kubeconfig: {
    flag: "kubeconfig",
    schema: v.optional(path),
    value: "PATH",
    help: "credentials for the Kubernetes API; default: the pod's service account",
  },
  apiServer: {
    flag: "api-server",
    schema: v.optional(v.pipe(text, v.url("must be a URL such as https://192.0.2.1:6443"))),
    value: "URL",
    help: "address of the Kubernetes API, for nodes without kube-proxy; default: the address in the credentials",
  },
  socket: {
    flag: "socket",
    schema: v.optional(
      v.pipe(path, v.maxBytes(MAX_SOCKET_PATH, `must have at most ${MAX_SOCKET_PATH} bytes`)),
      "/run/causeway/agent.sock",
    ),
    value: "PATH",
    help: "unix socket on which the shim finds the agent",
  },
  cniBinDir: {
    flag: "cni-bin-dir",
    schema: v.optional(path, "/opt/cni/bin"),
    value: "PATH",
    help: "folder where the runtime looks for CNI plugins",
  },
  cniConfDir: {
    flag: "cni-conf-dir",
    schema: v.optional(path, "/etc/cni/net.d"),
    value: "PATH",
    help: "folder where the runtime looks for CNI configurations",
  },
  cniConfName: {
    flag: "cni-conf-name",
    schema: v.optional(
      v.pipe(
        text,
        v.regex(
          /^[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,200}\.conflist$/,
          'must be a file name that ends in ".conflist"',
        ),
      ),
      CONFLIST_NAME,
    ),
    value: "NAME",
    help: "file name of the agent's CNI configuration; runtimes load the first file of the folder",
  },
  cniConfMode: {
    flag: "cni-conf-mode",
    schema: v.optional(fileMode(0o600, "0600"), "0600"),
    value: "OCTAL",
    help: "file mode of the agent's CNI configuration; the agent keeps a stricter mode that it finds",
  },
  cniBinMode: {
    flag: "cni-bin-mode",
    schema: v.optional(fileMode(0o500, "0500"), "0755"),
    value: "OCTAL",
    help: "file mode of the agent's CNI plugins; the agent keeps a stricter mode that it finds",
  },
  daemonSet: {
    flag: "daemon-set",
    schema: v.optional(
      v.pipe(text, v.regex(/^[a-z0-9-]{1,63}\/[a-z0-9.-]{1,253}$/, "must be NAMESPACE/NAME")),
    ),
    value: "NAMESPACE/NAME",
    help: "DaemonSet of this agent; after its deletion the agent removes its files from the host when it stops",
  },
  http: {
    flag: "http",
    schema: v.optional(listenAddress, "127.0.0.1:9655"),
    value: "ADDRESS:PORT",
    help: "address that serves /metrics, /healthz and /readyz",
  },
  probes: {
    flag: "probes",
    schema: v.optional(listenAddress, "127.0.0.1:9656"),
    value: "ADDRESS:PORT",
    help: "loopback address that serves /healthz, /readyz, /metrics, the page / and /report.json",
  },
  httpPage: {
    flag: "http-page",
    schema: v.optional(v.picklist(["loopback", "node"], "must be loopback or node"), "loopback"),
    value: "loopback|node",
    help: "loopback serves the page and /report.json at --probes alone; node also serves them at --http, to everything that reaches the node, pods included",
  },
  httpHosts: {
    flag: "http-host",
    schema: v.optional(
      v.array(
        v.pipe(text, v.regex(HOST_NAME, "must be a host name in lower case")),
        "must be a list of host names",
      ),
      [],
    ),
    value: "NAME",
    help: "a further name that requests may have in their Host header, besides the node's name and addresses; may be repeated",
    multiple: true,
  },
  bridge: {
    flag: "bridge",
    schema: v.optional(
      v.pipe(text, v.regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$/, "must be a link name")),
      "cw0",
    ),
    value: "NAME",
    help: "name of the bridge that holds the gateway addresses",
  },
  mtu: {
    flag: "mtu",
    schema: v.optional(mtu, 0),
    value: "BYTES",
    help: "MTU of pods, which with IPv6 need 1280; 0 takes the uplink's, less the overlay's overhead unless --overlay is never",
  },
  overlay: {
    flag: "overlay",
    schema: v.optional(v.picklist(["auto", "never", "always"], "must be auto, never or always"), "auto"),
    value: "auto|never|always",
    help: "which other nodes are reached over VXLAN; auto: those that are not on a subnet of this node",
  },
  vxlanDevice: {
    flag: "vxlan-device",
    schema: v.optional(
      v.pipe(
        text,
        v.regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,13}$/, "must be a link name of at most 14 characters"),
      ),
      "cw-vx",
    ),
    value: "NAME",
    help: 'name of the VXLAN device; the device for nodes that share only IPv6 with this one has a "6" appended',
  },
  vxlanVni: {
    flag: "vxlan-vni",
    schema: v.optional(between(1, 0xffffff), 4096),
    value: "NUMBER",
    help: "VXLAN network identifier (VNI), the same on all nodes",
  },
  vxlanPort: {
    flag: "vxlan-port",
    schema: v.optional(between(1, 65_535), 4789),
    value: "PORT",
    help: "UDP port of VXLAN, the same on all nodes",
  },
  vxlanTxChecksum: {
    flag: "vxlan-tx-checksum",
    schema: v.optional(flag, true),
    value: "true|false",
    help: "let network cards compute the checksums inside VXLAN; set false where a card or its driver gets them wrong",
  },
  masquerade: {
    flag: "masquerade",
    schema: v.optional(families, true),
    value: "true|false|ipv4|ipv6",
    help: "masquerade what pods send out of the cluster; true: both families, false: neither",
  },
  masqueradeRandomPorts: {
    flag: "masquerade-random-ports",
    schema: v.optional(flag, true),
    value: "true|false",
    help: "choose source ports of masqueraded connections at random; false keeps the pod's port where possible",
  },
  nonMasqueradeCIDRs: {
    flag: "non-masquerade-cidr",
    schema: v.optional(v.array(cidr, "must be a list of prefixes"), []),
    value: "CIDR",
    help: "destinations that see the pod's own address; may be repeated",
    multiple: true,
  },
  clusterCIDRs: {
    flag: "cluster-cidr",
    schema: v.optional(v.array(cidr, "must be a list of prefixes"), []),
    value: "CIDR",
    help: "range in which all PodCIDRs of nodes must lie, as the controller manager has it; may be repeated",
    multiple: true,
  },
  fastPath: {
    flag: "fast-path",
    schema: v.optional(v.picklist(["off", "auto"], "must be off or auto"), "off"),
    value: "off|auto",
    help: "auto: established connections of pods pass all chains by, in a flow table, where the kernel has one; each pod's end then takes longer",
  },
  allowSourceSpoofing: {
    flag: "allow-source-spoofing",
    schema: v.optional(flag, false),
    value: "true|false",
    help: 'let pods with the annotation "causeway.io/allow-source-spoofing: true" send from foreign addresses',
  },
  nodeEvents: {
    flag: "node-events",
    schema: v.optional(flag, true),
    value: "true|false",
    help: "report problems of the node as Kubernetes Events too, not only in the log",
  },
  nodeCondition: {
    flag: "node-condition",
    schema: v.optional(flag, false),
    value: "true|false",
    help: "set the Node's condition NetworkUnavailable to False once the agent is ready, for cloud providers that wait for it",
  },
  logLevel: {
    flag: "log-level",
    schema: v.optional(
      v.picklist(["trace", "debug", "info", "warn", "error"], "must be trace, debug, info, warn or error"),
      "info",
    ),
    value: "trace|debug|info|warn|error",
    help: "least severe level that the agent logs",
  },
  logFormat: {
    flag: "log-format",
    schema: v.optional(v.picklist(["json", "pretty"], "must be json or pretty"), "json"),
    value: "json|pretty",
    help: "json: one object a line; pretty: text for people",
  },
} as const satisfies Readonly<Record<string, Option>>;

/** Every setting by its path in the YAML file, in the order of the help. */
export const ALL_OPTIONS: Readonly<Record<string, Option>> = {
  ...OPTIONS,
  ...inMapping("policy", POLICY_OPTIONS),
  ...inMapping("encryption", ENCRYPTION_OPTIONS),
};

function inMapping(
  mapping: string,
  options: Readonly<Record<string, Option>>,
): Readonly<Record<string, Option>> {
  return Object.fromEntries(Object.entries(options).map(([key, option]) => [`${mapping}.${key}`, option]));
}
