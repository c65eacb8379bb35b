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
    help: "YAML list of {name, addresses, podCIDRs}, watched for changes",
  },
  objectsFile: {
    flag: "objects-file",
    schema: v.optional(path),
    value: "PATH",
    help: "YAML stream of Namespace, Pod, NetworkPolicy and ClusterNetworkPolicy objects, watched for changes; needs --standalone",
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
    help: "address of the Kubernetes API instead of the one of the credentials, for nodes without kube-proxy",
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
    help: "file name of our CNI configuration there; runtimes load the first one in the folder",
  },
  cniConfMode: {
    flag: "cni-conf-mode",
    schema: v.optional(fileMode(0o600, "0600"), "0600"),
    value: "OCTAL",
    help: "mode of our CNI configuration, as hardening guides want it; a stricter one on the node is left alone",
  },
  cniBinMode: {
    flag: "cni-bin-mode",
    schema: v.optional(fileMode(0o500, "0500"), "0755"),
    value: "OCTAL",
    help: "mode of our CNI plugins; a stricter one on the node is left alone",
  },
  daemonSet: {
    flag: "daemon-set",
    schema: v.optional(
      v.pipe(text, v.regex(/^[a-z0-9-]{1,63}\/[a-z0-9.-]{1,253}$/, "must be NAMESPACE/NAME")),
    ),
    value: "NAMESPACE/NAME",
    help: "the agent's DaemonSet: an agent that is stopped after that was deleted removes its host files",
  },
  http: {
    flag: "http",
    schema: v.optional(listenAddress, "127.0.0.1:9655"),
    value: "ADDRESS:PORT",
    help: "where /metrics, /healthz and /readyz are served",
  },
  probes: {
    flag: "probes",
    schema: v.optional(listenAddress, "127.0.0.1:9656"),
    value: "ADDRESS:PORT",
    help: "where only the node itself can ask: /healthz, /readyz, /metrics, the page / and /report.json",
  },
  httpPage: {
    flag: "http-page",
    schema: v.optional(v.picklist(["loopback", "node"], "must be loopback or node"), "loopback"),
    value: "loopback|node",
    help: "whether the page and /report.json are also served at --http, to anyone who can reach the node, pods included",
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
    help: "another Host that HTTP requests may name, besides the node's name and addresses; may be repeated",
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
    help: "MTU of pods; 0 takes the uplink's, less the overhead of the overlay unless that is never used; with IPv6 pods need 1280",
  },
  overlay: {
    flag: "overlay",
    schema: v.optional(v.picklist(["auto", "never", "always"], "must be auto, never or always"), "auto"),
    value: "auto|never|always",
    help: "VXLAN to other nodes; auto: only to those that are not on a segment of this node",
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
    help: 'name of the VXLAN device; that between nodes which share only IPv6 has a "6" behind it',
  },
  vxlanVni: {
    flag: "vxlan-vni",
    schema: v.optional(between(1, 0xffffff), 4096),
    value: "NUMBER",
    help: "VXLAN network identifier, the same on all nodes",
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
    help: "let network cards compute checksums inside VXLAN; false where a card or its driver computes wrong ones",
  },
  masquerade: {
    flag: "masquerade",
    schema: v.optional(families, true),
    value: "true|false|ipv4|ipv6",
    help: "masquerade what pods send out of the cluster: both families, none or one",
  },
  masqueradeRandomPorts: {
    flag: "masquerade-random-ports",
    schema: v.optional(flag, true),
    value: "true|false",
    help: "randomize source ports of masqueraded connections; false keeps the pod's where possible",
  },
  nonMasqueradeCIDRs: {
    flag: "non-masquerade-cidr",
    schema: v.optional(v.array(cidr, "must be a list of prefixes"), []),
    value: "CIDR",
    help: "destinations that pods reach under their own address; may be repeated",
    multiple: true,
  },
  clusterCIDRs: {
    flag: "cluster-cidr",
    schema: v.optional(v.array(cidr, "must be a list of prefixes"), []),
    value: "CIDR",
    help: "the only range in which PodCIDRs of nodes may lie, as the controller manager has it; may be repeated",
    multiple: true,
  },
  allowSourceSpoofing: {
    flag: "allow-source-spoofing",
    schema: v.optional(flag, false),
    value: "true|false",
    help: 'let pods with the annotation "causeway.io/allow-source-spoofing: true" send from addresses that are not theirs',
  },
  nodeEvents: {
    flag: "node-events",
    schema: v.optional(flag, true),
    value: "true|false",
    help: "report a node's problems as Kubernetes Events, besides the log",
  },
  nodeCondition: {
    flag: "node-condition",
    schema: v.optional(flag, false),
    value: "true|false",
    help: "set the Node's condition NetworkUnavailable to False once ready, where a cloud provider waits for it",
  },
  logLevel: {
    flag: "log-level",
    schema: v.optional(
      v.picklist(["trace", "debug", "info", "warn", "error"], "must be trace, debug, info, warn or error"),
      "info",
    ),
    value: "LEVEL",
    help: "least severe messages that are logged",
  },
  logFormat: {
    flag: "log-format",
    schema: v.optional(v.picklist(["json", "pretty"], "must be json or pretty"), "json"),
    value: "json|pretty",
    help: "one JSON object a line, or text for people",
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
