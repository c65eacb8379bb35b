import { checkAgent } from "../../diagnosis/agent/check-agent.ts";
import { checkApi } from "../../diagnosis/agent/check-api.ts";
import { checkBridge } from "../../diagnosis/checks/check-bridge.ts";
import { checkBridgeNetfilter } from "../../diagnosis/checks/check-bridge-netfilter.ts";
import { checkConntrack } from "../../diagnosis/checks/check-conntrack.ts";
import { checkForwardChains } from "../../diagnosis/checks/check-forward-chains.ts";
import { checkForwarding } from "../../diagnosis/checks/check-forwarding.ts";
import { checkKernel } from "../../diagnosis/checks/check-kernel.ts";
import { checkMtu } from "../../diagnosis/checks/check-mtu.ts";
import { checkReversePath } from "../../diagnosis/checks/check-reverse-path.ts";
import { checkRivals } from "../../diagnosis/agent/check-rivals.ts";
import { checkShim } from "../../diagnosis/agent/check-shim.ts";
import { checkStaleFiles } from "../../diagnosis/agent/check-stale-files.ts";
import { checkVxlanPort } from "../../diagnosis/checks/check-vxlan-port.ts";
import { checkListeners } from "../../diagnosis/install/check-listeners.ts";
import { explainDelivery } from "../../diagnosis/path/explain-delivery.ts";
import { explainDetour } from "../../diagnosis/path/explain-route.ts";
import { explainEntries, explainLink } from "../../diagnosis/explain-pod.ts";
import { explainHostPort } from "../../diagnosis/path/explain-host-port.ts";
import { parseCidr } from "../../net/cidr.ts";
import { ALL_USES } from "../../plan/node/kernel-features.ts";
import type { Finding } from "../../diagnosis/finding.ts";
import {
  forwardingCommand,
  neighbourCommand,
  overlayRouteCommand,
} from "../../diagnosis/overlay-remedies.ts";
import { elementCommand } from "../../diagnosis/shell.ts";
import type { PathObservation, PodEnd } from "../../diagnosis/path-observation.ts";

/** A link whose name holds what sysctl and shells take for their own, and a folder with a blank. */
const LINK = "eth0.100";
const FOLDER = "/srv/my cni";
const MAC = "0a:58:0a:f4:01:02";
const BRIDGE = { index: 3, name: "cw0" };

const failed = { kind: "failed", reason: "", blockedBy: undefined } as const;
const notReady = { isAgentReady: false };
const linkOf = (fields: object): PodEnd["hostLink"] =>
  ({
    name: "cwpod",
    index: 9,
    up: true,
    lowerUp: true,
    masterIndex: 3,
    netnsId: 7,
    ...fields,
  }) as PodEnd["hostLink"];
const end = (fields: object): PodEnd => ({
  address: "10.244.1.2",
  hostLink: linkOf({}),
  containerId: "c1",
  pod: undefined,
  ifname: "eth0",
  isRouted: true,
  neighbour: { mac: MAC, permanent: true },
  portMacs: [MAC],
  ...fields,
});
const portOf = (element: string | undefined, isTaken: boolean): readonly Finding[] =>
  explainHostPort({
    target: { address: "192.0.2.1", port: { number: 80, protocol: "tcp" } },
    hostPort: {
      isLocal: true,
      binding: isTaken
        ? { hostLink: "cwpod", containerId: "c1", pod: undefined, address: "10.244.1.2", port: 80 }
        : undefined,
      set: "ports4",
      key: "tcp . 80",
      element: { value: element },
    },
  } as unknown as PathObservation);
const vxlan = { port: 4789, vni: 4096, tunnels: [], foreign: [], holders: [], isBound: true };

function remediesOf(findings: readonly Finding[]): readonly string[] {
  return findings.flatMap(({ remedy }) => remedy ?? []);
}

/**
 * Every kind of command that a check or a hop prints. `agent/test/commands/remedies.netns.test.ts` proves
 * that none is missing, and that each can be run.
 */
export const REMEDIES: readonly string[] = [
  ...remediesOf([
    ...checkAgent({ nodeName: "n1", ownVersion: "1", agent: { kind: "silent", reason: "" } }),
    ...checkApi({ ...failed, server: "https://192.0.2.1:6443", status: 503 }, notReady),
    ...checkApi({ ...failed, server: "https://192.0.2.1:6443", status: 403 }, notReady),
    ...checkApi(
      { ...failed, server: "https://a", status: 403, reason: 'User "my user" cannot list resource "nodes"' },
      notReady,
    ),
    ...checkApi(
      { ...failed, server: undefined, status: undefined, blockedBy: "unreachable 192.0.2.0/24" },
      notReady,
    ),
    ...checkBridge({ bridge: { name: LINK, up: false }, gateways: [], tunnels: [] }),
    ...checkBridgeNetfilter(new Map([["bridge-nf-call-iptables", 1]])),
    ...checkConntrack({ count: 99, max: 100, dropped: 0 }),
    ...checkForwardChains({
      bridge: "cw0",
      chains: [{ family: "ip", table: "filter", name: "FORWARD", policy: "drop", rules: [] }],
      legacyTables: ["filter"],
    }),
    ...checkForwarding({
      links: [{ name: LINK, inetConf: { forwarding: 0 } }],
      families: [4, 6],
      ipv6: 0,
      acceptRa: new Map([[LINK, 1]]),
    }),
    ...["6.8.0-31-generic", "5.14.0-427.el9.x86_64"].flatMap((release) =>
      checkKernel({
        release,
        config: "CONFIG_BRIDGE=m\n",
        loaded: new Set(),
        modules: "",
        builtIn: undefined,
        refused: [],
        untried: [],
        uses: ALL_USES,
      }),
    ),
    ...checkMtu({
      bridge: { name: "cw0", mtu: 1500 },
      tunnels: [{ name: "cw-vx", mtu: 1500, underlay: 4 }],
      uplinks: [{ name: LINK, mtu: 1400 }],
      families: [4, 6],
      probes: [],
    }),
    ...checkReversePath({ all: 1, links: [{ name: LINK, inetConf: {} }], uplinks: 2, dropped: 1 }),
    ...checkRivals([`${FOLDER}/05-it's.conflist`]),
    ...checkShim({
      path: `${FOLDER}/causeway`,
      installed: undefined,
      shippedPath: "/app/bin/causeway",
      shippedVersion: "1",
    }),
    ...checkStaleFiles(
      {
        socket: { path: `${FOLDER}/s`, state: "not a socket" },
        conflist: undefined,
        temporaries: [`${FOLDER}/.tmp`],
      },
      "n1",
    ),
    ...checkVxlanPort({ ...vxlan, foreign: [{ name: LINK, up: true, vxlan: vxlanOf(4096) }] }),
    ...checkVxlanPort({ ...vxlan, holders: [{ pid: 4_194_999, name: "other" }] }),
    ...checkVxlanPort(vxlan),
    ...checkListeners({ ports: new Map([["http.port", 9655]]), taken: new Set([9655]) }),
    ...explainEntries("", end({ isRouted: false, neighbour: undefined }), "cw0"),
    ...explainEntries("", end({ portMacs: [] }), "cw0"),
    ...[{ up: false }, { masterIndex: 4 }, { lowerUp: false }].map((fields) =>
      explainLink("pod", end({ hostLink: linkOf(fields) }), BRIDGE),
    ),
    ...explainDelivery({
      delivery: { kind: "direct", hop: { address: "192.0.2.7", link: linkOf({}), state: "unresolved" } },
    } as unknown as PathObservation),
    explainDetour("route", "10.244.1.2", routeTo("10.244.1.2/32")),
    ...portOf("10.244.1.9 . 80", false),
    ...portOf(undefined, true),
    ...portOf("10.244.1.9 . 80", true),
  ]),
  neighbourCommand("cw-vx", "10.244.3.1", MAC),
  forwardingCommand("cw-vx", MAC, "192.0.2.7"),
  elementCommand("bridge", "sources4", "cwpod . 10.244.1.2"),
  elementCommand("inet", "nodes4", "192.0.2.7"),
  elementCommand("inet", "overlay4", "192.0.2.7 : c000:0207"),
  elementCommand("inet", "inner4-24", "c000:0207 . 10.244.3.0"),
  overlayRouteCommand({
    podCidr: "10.244.3.0/24",
    gateway: "10.244.3.1",
    device: "cw-vx",
    source: "10.244.1.1",
  }),
];

function routeTo(cidr: string): Parameters<typeof explainDetour>[2] {
  return { destination: parseCidr(cidr) } as Parameters<typeof explainDetour>[2];
}

function vxlanOf(vni: number) {
  return { vni, port: 4789, local: undefined, learning: true, receives: [] };
}

/** Commands of one form, which differ in names and numbers alone. */
export interface RemedyKind {
  readonly pattern: RegExp;
  /** Why `lasting-remedies.netns.test.ts` does not run it beside an agent; undefined: it does. */
  readonly excluded?: string;
}

const SHOWS = "shows something, and changes nothing";
const PACKAGES = "a package manager's, which the agent has nothing to do with";

/** Of every single command of {@link REMEDIES} there is one kind. */
export const REMEDY_KINDS: readonly RemedyKind[] = [
  ...[
    /^ip link set dev \S+ up$/,
    /^ip link set dev \S+ master \S+$/,
    /^ip link set dev \S+ mtu \d+$/,
    /^ip link delete dev \S+$/,
    /^nsenter --net --target .* ip link set dev \S+ up$/,
    /^ip neighbour replace \S+ lladdr \S+ dev \S+ nud permanent$/,
    /^ip neighbour flush to \S+ dev \S+$/,
    /^ip route replace \S+ dev \S+ proto 98$/,
    /^ip route replace \S+ via \S+ dev \S+ src \S+ onlink proto 99$/,
    /^ip route delete (blackhole|unreachable|prohibit) \S+$/,
    /^ip route delete \S+$/,
    /^bridge link set dev \S+ hairpin on learning off flood off mcast_flood off bcast_flood off$/,
    /^bridge fdb replace \S+ dev \S+ master static$/,
    /^bridge fdb replace \S+ dev \S+ dst \S+ self permanent$/,
    /^nft insert rule ip filter FORWARD [io]ifname "\S+" accept$/,
    /^nft add element bridge causeway sources[46] /,
    /^nft add element inet causeway nodes[46] /,
    /^nft add element inet causeway (?:overlay|inner)\S+ /,
    /^nft add element inet causeway ports[46] /,
    /^nft delete element inet causeway ports[46] /,
    /^nft "delete element inet causeway ports[46] .*; add element /,
    /^sysctl -w net[./]ipv4[./]conf[./]\S+[./]forwarding=1$/,
    /^sysctl -w net[./]ipv4[./]conf[./]\S+[./]rp_filter=2$/,
    /^sysctl -w net[./]ipv6[./]conf[./]\S+[./]accept_ra=2$/,
    /^sysctl -w net\.ipv6\.conf\.all\.forwarding=1$/,
    /^sysctl -w net\.bridge\.bridge-nf-call-iptables=0$/,
    /^mv .*\.conflist'? .*\.disabled'?$/,
    /^install -m 0755 /,
    /^rm (?!-r)/,
    /^rm -r /,
    /^kill \d+$/,
  ].map((pattern) => ({ pattern })),
  { pattern: /^ss --(udp|tcp) --listening /, excluded: SHOWS },
  { pattern: /^curl /, excluded: SHOWS },
  { pattern: /^kubectl auth can-i /, excluded: SHOWS },
  {
    pattern: /^kubectl delete pod /,
    excluded: "starts the agent itself; doctor-agent.netns.test.ts does what a cluster does then",
  },
  { pattern: /^apt-get install /, excluded: PACKAGES },
  { pattern: /^dnf install /, excluded: PACKAGES },
  {
    pattern: /^sysctl -w net\.netfilter\.nf_conntrack_max=\d+$/,
    excluded: "writable in the machine's first namespace alone; the agent writes no setting of connections",
  },
  {
    pattern: /^iptables-legacy -I FORWARD -[io] \S+ -j ACCEPT$/,
    excluded: "not every kernel has legacy tables; the agent writes to its own two tables of nftables alone",
  },
];

/** Single commands of a remedy, each with its kind. */
export function kindsOf(remedy: string): readonly { readonly command: string; readonly kind: RemedyKind }[] {
  return remedy.split(" && ").map((command) => {
    const kind = REMEDY_KINDS.find(({ pattern }) => pattern.test(command));
    if (kind === undefined) throw new Error(`A remedy of no known kind: ${command}`);
    return { command, kind };
  });
}
