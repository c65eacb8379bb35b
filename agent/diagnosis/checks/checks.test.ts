import assert from "node:assert/strict";
import { test } from "node:test";
import { asObserved } from "../../plan/nft/diff-table.ts";
import { planPortGuard } from "../../plan/rules/port-guard.ts";
import { withElements } from "../../plan/rules/ruleset.ts";
import { planSourceElements } from "../../plan/pods/sources.ts";
import { agentRemedy, checkAgent } from "../agent/check-agent.ts";
import { checkApi } from "../agent/check-api.ts";
import { checkBridge } from "./check-bridge.ts";
import { checkBridgeNetfilter } from "./check-bridge-netfilter.ts";
import { checkConntrack } from "./check-conntrack.ts";
import { checkForwarding } from "./check-forwarding.ts";
import { ALL_USES, CONNECTION_FEATURE, KERNEL_FEATURES } from "../../plan/node/kernel-features.ts";
import { checkKernel } from "./check-kernel.ts";
import { checkMtu, type MtuObservation, type ProbeResult } from "./check-mtu.ts";
import { checkOverlayGuard } from "./check-overlay-guard.ts";
import { checkPeers } from "./check-peers.ts";
import { checkMarkBit, checkPolicies } from "./check-policies.ts";
import { checkReversePath } from "./check-reverse-path.ts";
import { checkShim } from "../agent/check-shim.ts";
import { checkSources } from "./check-sources.ts";
import { checkStaleFiles } from "../agent/check-stale-files.ts";
import { checkVxlanPort, type VxlanPortObservation } from "./check-vxlan-port.ts";
import { exitCodeOf, type Finding, judging, worstOf } from "../finding.ts";

/** `VERDICT EVIDENCE [| REMEDY]`, one a line. */
function linesOf(findings: readonly Finding[]): string[] {
  return findings.map(({ verdict, evidence, remedy }) =>
    remedy === undefined ? `${verdict} ${evidence}` : `${verdict} ${evidence} | ${remedy}`,
  );
}

const FORWARDING = { links: [], families: [4], ipv6: 1, acceptRa: new Map() } as const;
const MTU: MtuObservation = {
  bridge: { name: "cw0", mtu: 1450 },
  tunnels: [{ name: "cw-vx", mtu: 1450, underlay: 4 }],
  uplinks: [{ name: "eth0", mtu: 1500 }],
  families: [4],
  probes: [],
};
const PROBE: ProbeResult = {
  address: "192.0.2.11",
  kind: "direct",
  size: 1450,
  uplink: "eth0",
  small: "answered",
  full: "answered",
  passes: undefined,
};
const VXLAN: VxlanPortObservation = {
  port: 4789,
  vni: 4096,
  tunnels: [],
  foreign: [],
  holders: [],
  isBound: false,
};
const foreign = (vni: number, receives: readonly string[] = []) => ({
  name: "flannel.1",
  up: true,
  vxlan: { vni, port: 4789, local: undefined, learning: true, receives },
});
const OPTIONS =
  "VETH NF_TABLES NF_TABLES_INET NF_TABLES_BRIDGE NFT_NAT NFT_MASQ NFT_FIB_INET NFT_CT VXLAN NET_SCH_TBF NET_SCH_INGRESS IFB NET_CLS_U32 NET_ACT_MIRRED INET_TCP_DIAG INET_UDP_DIAG XFRM_USER NF_CT_NETLINK NF_CONNTRACK NF_NAT NF_CONNTRACK_MARK NFT_LIMIT NFT_LOG NETFILTER_NETLINK_LOG";
const CONFIG = ["CONFIG_BRIDGE=m\n", ...OPTIONS.split(" ").map((option) => `CONFIG_${option}=y\n`)].join("");
const KERNEL = {
  release: "6.1.0-9-amd64",
  config: CONFIG,
  loaded: new Set<string>(),
  modules: undefined,
  builtIn: undefined,
  refused: [],
  untried: [],
  uses: ALL_USES,
};
const NOTHING = { masquerade: false, overlay: false };
const UNTRIED = KERNEL_FEATURES.filter(({ module }) => module === "ifb" || module === "cls_u32");
const NAT = KERNEL_FEATURES.filter(({ module }) => module === "nft_chain_nat" || module === "nft_masq");

const API = {
  kind: "failed",
  server: undefined,
  reason: "ECONNREFUSED",
  status: undefined,
  blockedBy: undefined,
} as const;

const [GUARDED = planPortGuard()] = withElements([planPortGuard()], {
  ports: [],
  sources: planSourceElements({
    hostLink: "cwpod",
    addresses: ["10.244.1.2"],
    mac: undefined,
    anySource: true,
  }),
  fastLinks: [],
});

/** What the kernel tests cannot have, or have in one form only. */
const CASES: readonly {
  readonly name: string;
  readonly found: readonly Finding[];
  readonly want: readonly string[];
}[] = [
  {
    name: "checkForwarding() writes links with a dot as sysctl takes them",
    found: checkForwarding({ ...FORWARDING, links: [{ name: "eth0.100", inetConf: { forwarding: 0 } }] }),
    want: [
      "fail link eth0.100 does not forward IPv4: traffic to and from pods on it is dropped | sysctl -w net/ipv4/conf/eth0.100/forwarding=1",
    ],
  },
  {
    name: "checkForwarding() does not ask for what no pod has",
    found: checkForwarding({
      ...FORWARDING,
      links: [{ name: "eth0", inetConf: { forwarding: 1 } }],
      ipv6: 0,
    }),
    want: ["ok on for IPv4 (eth0)"],
  },
  {
    name: "checkForwarding() says that there is no IPv6",
    found: checkForwarding({ ...FORWARDING, families: [6], ipv6: undefined }),
    want: ["fail this node has an IPv6 PodCIDR but no IPv6"],
  },
  {
    name: "checkReversePath() warns where several uplinks may take the answers",
    found: checkReversePath({
      all: 1,
      links: [{ name: "eth0", inetConf: { rp_filter: 0 } }],
      uplinks: 2,
      dropped: 0,
    }),
    want: [
      "warn strict on eth0: the node has 2 uplinks, and answers may leave by another one | sysctl -w net.ipv4.conf.eth0.rp_filter=2",
    ],
  },
  {
    name: "checkReversePath() leaves a strict filter alone that has never hurt",
    found: checkReversePath({
      all: 0,
      links: [{ name: "eth0", inetConf: { rp_filter: 1 } }],
      uplinks: 1,
      dropped: 0,
    }),
    want: ["info strict on eth0: with one uplink pods' traffic passes"],
  },
  {
    name: "checkReversePath() takes the larger of all and the link's own: 2 is loose",
    found: checkReversePath({
      all: 1,
      links: [{ name: "eth0", inetConf: { rp_filter: 2 } }],
      uplinks: 2,
      dropped: 9,
    }),
    want: ["ok not strict on any link that carries pods' traffic"],
  },
  {
    name: "checkConntrack() tells of packets that were lost",
    found: checkConntrack({ count: 10, max: 100, dropped: 3 }),
    want: ["ok 10 of 100 connections are tracked (10 %); it was full, and dropped 3 packets"],
  },
  {
    name: "checkBridgeNetfilter() does not miss the module",
    found: checkBridgeNetfilter(new Map()),
    want: ["ok not loaded; Causeway does not need it"],
  },
  {
    name: "checkKernel() refuses what is too old",
    found: checkKernel({ ...KERNEL, release: "5.4.0-100-generic" }),
    want: ["fail Linux 5.4.0-100-generic is older than 5.10"],
  },
  {
    name: "checkKernel() is content with a module that is loaded, or that nobody can see",
    found: checkKernel(KERNEL),
    want: ["ok Linux 6.1.0-9-amd64 has all that is needed"],
  },
  {
    name: "checkKernel() finds a module that the distribution has in another package",
    found: ["6.8.0-31-generic", "5.14.0-427.el9.x86_64", "6.1.0-9-amd64"].flatMap((release) =>
      checkKernel({ ...KERNEL, release, modules: "kernel/net/bridge/br_netfilter.ko.xz:\n" }),
    ),
    want: [
      "fail module bridge of Linux 6.8.0-31-generic is not installed, which is needed for the bridge of pods | apt-get install --yes linux-modules-extra-6.8.0-31-generic",
      "fail module bridge of Linux 5.14.0-427.el9.x86_64 is not installed, which is needed for the bridge of pods | dnf install --assumeyes kernel-modules-extra-5.14.0-427.el9.x86_64",
      "fail module bridge of Linux 6.1.0-9-amd64 is not installed, which is needed for the bridge of pods",
    ],
  },
  {
    name: "checkKernel() finds a module that is installed and not loaded",
    found: checkKernel({
      ...KERNEL,
      modules: "kernel/net/bridge/bridge.ko.zst: kernel/net/llc/llc.ko.zst\n",
    }),
    want: ["ok Linux 6.1.0-9-amd64 has all that is needed"],
  },
  {
    name: "checkKernel() says where it has looked",
    found: checkKernel({ ...KERNEL, config: undefined, untried: KERNEL_FEATURES }),
    want: [
      "info Linux 6.1.0-9-amd64; what it was built with cannot be read here (no /proc/config.gz, no /boot/config-6.1.0-9-amd64)",
    ],
  },
  {
    name: "checkKernel() without a configuration to read is content with what was tried, and names the rest",
    found: [[], UNTRIED].flatMap((untried) => checkKernel({ ...KERNEL, config: undefined, untried })),
    want: [
      "ok Linux 6.1.0-9-amd64 has all that is needed: it was tried",
      "ok Linux 6.1.0-9-amd64 has what could be tried; whether it has ifb (bandwidth limits), cls_u32 (bandwidth limits) cannot be read here (no /proc/config.gz, no /boot/config-6.1.0-9-amd64)",
    ],
  },
  {
    name: "checkKernel() without a configuration to read looks among the modules for what was not tried",
    found: [
      { modules: "kernel/drivers/net/ifb.ko:\n", builtIn: "kernel/net/sched/cls_u32.ko\n" },
      { modules: "kernel/drivers/net/ifb.ko:\n", builtIn: "kernel/net/core/pktgen.ko\n" },
      { modules: "kernel/drivers/net/ifb.ko:\n", builtIn: undefined },
      { modules: "", builtIn: "", loaded: new Set(["ifb", "cls_u32"]) },
    ].flatMap((seen) => checkKernel({ ...KERNEL, config: undefined, untried: UNTRIED, ...seen })),
    want: [
      "ok Linux 6.1.0-9-amd64 has all that is needed",
      "warn module cls_u32 of Linux 6.1.0-9-amd64 is not installed, which is needed for bandwidth limits",
      "ok Linux 6.1.0-9-amd64 has what could be tried; whether it has cls_u32 (bandwidth limits) cannot be read here (no /proc/config.gz, no /boot/config-6.1.0-9-amd64)",
      "ok Linux 6.1.0-9-amd64 has all that is needed",
    ],
  },
  {
    name: "checkKernel() names each module that was tried in vain, with its package: the overlay's was called fine in a container (flannel-io/flannel#1747)",
    found: checkKernel({
      ...KERNEL,
      release: "6.8.0-31-generic",
      config: undefined,
      refused: KERNEL_FEATURES.filter(({ module }) => module === "veth" || module === "vxlan"),
      untried: UNTRIED,
    }),
    want: [
      "fail Linux 6.8.0-31-generic has no module veth (CONFIG_VETH), which is needed for the links of pods: it was tried | apt-get install --yes linux-modules-extra-6.8.0-31-generic",
      "warn Linux 6.8.0-31-generic has no module vxlan (CONFIG_VXLAN), which is needed for nodes on other subnets: it was tried | apt-get install --yes linux-modules-extra-6.8.0-31-generic",
    ],
  },
  {
    name: "checkKernel() tells of a module once that was tried in vain and is not installed, and of one that only was tried",
    found: checkKernel({
      ...KERNEL,
      config: CONFIG.replace("CONFIG_VXLAN=y", "CONFIG_VXLAN=m").replace("CONFIG_IFB=y", "CONFIG_IFB=m"),
      modules: "kernel/net/bridge/bridge.ko:\nkernel/drivers/net/ifb.ko:\n",
      refused: KERNEL_FEATURES.filter(({ module }) => module === "ifb" || module === "vxlan"),
    }),
    want: [
      "warn module vxlan of Linux 6.1.0-9-amd64 is not installed, which is needed for nodes on other subnets",
      "warn Linux 6.1.0-9-amd64 has no module ifb (CONFIG_IFB), which is needed for bandwidth limits: it was tried",
    ],
  },
  {
    name: "checkKernel() without a configuration to read names the module that is missing, and its package",
    found: checkKernel({
      ...KERNEL,
      release: "6.8.0-31-generic",
      config: undefined,
      refused: KERNEL_FEATURES.filter(({ module }) => module === "nft_masq"),
    }),
    want: [
      "fail Linux 6.8.0-31-generic has no module nft_masq (CONFIG_NFT_MASQ), which is needed for masquerade and host ports: it was tried | apt-get install --yes linux-modules-extra-6.8.0-31-generic",
    ],
  },
  {
    name: "checkKernel() only warns of modules of masquerade where the agent does not masquerade, tried or read",
    found: [
      { ...KERNEL, uses: NOTHING, config: undefined, refused: NAT },
      { ...KERNEL, uses: NOTHING, config: CONFIG.replace(/^CONFIG_NFT_MASQ=y$/m, "") },
      { ...KERNEL, config: CONFIG.replace(/^CONFIG_NFT_MASQ=y$/m, "") },
    ].flatMap(checkKernel),
    want: [
      "warn Linux 6.1.0-9-amd64 has no module nft_chain_nat (CONFIG_NFT_NAT), which is needed for masquerade and host ports: it was tried",
      "warn Linux 6.1.0-9-amd64 has no module nft_masq (CONFIG_NFT_MASQ), which is needed for masquerade and host ports: it was tried",
      "warn Linux 6.1.0-9-amd64 was built without CONFIG_NFT_MASQ, which is needed for masquerade and host ports",
      "fail Linux 6.1.0-9-amd64 was built without CONFIG_NFT_MASQ, which is needed for masquerade and host ports",
    ],
  },
  {
    name: "checkKernel() only warns of the module of the overlay's guard where all nodes are reached without it",
    found: [NOTHING, ALL_USES].flatMap((uses) =>
      checkKernel({ ...KERNEL, uses, config: CONFIG.replace(/^CONFIG_NFT_FIB_INET=y$/m, "") }),
    ),
    want: ["warn", "fail"].map(
      (verdict) =>
        `${verdict} Linux 6.1.0-9-amd64 was built without CONFIG_NFT_FIB_INET, which is needed for host ports and the guard of the overlay`,
    ),
  },
  {
    name: "checkKernel() warns of connections that nothing can end (nf_conntrack_netlink), tried or read",
    found: [
      { ...KERNEL, config: undefined, refused: [CONNECTION_FEATURE] },
      { ...KERNEL, config: CONFIG.replace("CONFIG_NF_CT_NETLINK=y\n", "") },
    ].flatMap(checkKernel),
    want: [
      "warn Linux 6.1.0-9-amd64 has no module nf_conntrack_netlink (CONFIG_NF_CT_NETLINK), which is needed for ending connections that policies forbid, and those of former pods and host ports: it was tried",
      "warn Linux 6.1.0-9-amd64 was built without CONFIG_NF_CT_NETLINK, which is needed for ending connections that policies forbid, and those of former pods and host ports",
    ],
  },
  {
    name: "checkKernel() warns of what host ports miss: the node's listeners (tcp_diag, udp_diag), and a guard of 127.0.0.1 (XFRM)",
    found: ["INET_TCP_DIAG", "INET_UDP_DIAG", "XFRM_USER"].flatMap((option) =>
      checkKernel({ ...KERNEL, config: CONFIG.replace(`CONFIG_${option}=y\n`, "") }),
    ),
    want: [
      "warn Linux 6.1.0-9-amd64 was built without CONFIG_INET_TCP_DIAG, which is needed for refusing a host port that a program of the node has",
      "warn Linux 6.1.0-9-amd64 was built without CONFIG_INET_UDP_DIAG, which is needed for refusing a host port that a program of the node has",
      "warn Linux 6.1.0-9-amd64 was built without CONFIG_XFRM_USER, which is needed for host ports at 127.0.0.1",
    ],
  },
  {
    name: "checkSources() takes a pod that may send from any address for right, and one that took the right for wrong",
    found: [true, false].flatMap((anySource) =>
      checkSources({
        nodeName: "n1",
        table: asObserved(GUARDED),
        pods: [{ hostLink: "cwpod", addresses: ["10.244.1.2"], mac: undefined, anySource }],
      }),
    ),
    want: [
      "ok source addresses of 1 pod are checked; 1 of them may use any",
      `fail table bridge causeway: set anysource has unexpected elements cwpod | ${agentRemedy("n1")}`,
    ],
  },
  {
    name: "checkSources() does not mind what pods have left that are gone",
    found: checkSources({ nodeName: "n1", table: asObserved(GUARDED), pods: [] }),
    want: ["ok source addresses of 0 pods are checked"],
  },
  {
    name: "checkSources() tells that there is no check",
    found: checkSources({ nodeName: "n1", table: undefined, pods: [] }),
    want: [`fail table bridge causeway is missing: pods can send from any address | ${agentRemedy("n1")}`],
  },
  {
    name: "checkOverlayGuard() tells that nobody judges what comes by VXLAN",
    found: checkOverlayGuard({
      nodeName: "n1",
      overlays: [
        {
          podCidr: "10.244.3.0/24",
          device: "cw-vx",
          gateway: "10.244.3.1",
          mac: undefined,
          remote: undefined,
        },
      ],
      table: undefined,
    }),
    want: [
      `fail chain overlay-input of table inet causeway is missing: anyone who can reach the node can inject packets into the overlay | ${agentRemedy("n1")}`,
    ],
  },
  {
    name: "checkOverlayGuard() has nothing to say where no node is reached through VXLAN",
    found: checkOverlayGuard({ nodeName: "n1", overlays: [], table: undefined }),
    want: ["ok no node is reached through VXLAN"],
  },
  {
    name: "checkMtu() tells what passes",
    found: checkMtu({ ...MTU, probes: [PROBE] }),
    want: ["ok cw0 1450, cw-vx 1450, eth0 1500; full-size packets reach 192.0.2.11"],
  },
  {
    name: "checkMtu() does not blame a node that answers nothing",
    found: checkMtu({
      ...MTU,
      probes: [PROBE, { ...PROBE, address: "192.0.2.12", small: "no answer", full: "no answer" }],
    }),
    want: [
      "info cw0 1450, cw-vx 1450, eth0 1500; full-size packets reach 192.0.2.11; 1 of 2 nodes answer no probe",
    ],
  },
  {
    name: "checkMtu() leaves 70 bytes around IPv6",
    found: checkMtu({ ...MTU, tunnels: [{ name: "cw-vx6", mtu: 1450, underlay: 6 }] }),
    want: [
      "fail VXLAN device cw-vx6 has MTU 1450, which with 70 bytes of headers exceeds that of eth0 (1500) | ip link set dev cw-vx6 mtu 1430",
      "warn bridge cw0 has MTU 1450, but the path beyond it carries only 1430: pods learn that from ICMP errors, which filters may drop | ip link set dev cw0 mtu 1430",
    ],
  },
  {
    name: "checkMtu() takes the smallest of what passes on one uplink",
    found: checkMtu({
      ...MTU,
      probes: [
        { ...PROBE, full: "no answer", passes: 1400 },
        { ...PROBE, address: "203.0.113.7", kind: "overlay", size: 1500, full: "too big", passes: 1420 },
      ],
    }),
    want: [
      "fail eth0 to 192.0.2.11 (direct, 1450 bytes), 203.0.113.7 (overlay, 1500 bytes): large packets are lost, small ones arrive; 1400 bytes pass | ip link set dev eth0 mtu 1400 && ip link set dev cw-vx mtu 1350 && ip link set dev cw0 mtu 1350",
    ],
  },
  {
    name: "checkMtu() has no remedy where nothing large passes",
    found: checkMtu({ ...MTU, probes: [{ ...PROBE, full: "no answer" }] }),
    want: ["fail eth0 to 192.0.2.11 (direct, 1450 bytes): large packets are lost, small ones arrive"],
  },
  {
    name: "checkVxlanPort() lets devices of other numbers share the port",
    found: checkVxlanPort({
      ...VXLAN,
      tunnels: [{ name: "cw-vx", up: true }],
      foreign: [foreign(1)],
      isBound: true,
    }),
    want: ["ok UDP port 4789: cw-vx has it; flannel.1 shares it with VNI 1"],
  },
  {
    name: "checkVxlanPort() leaves a device that receives otherwise in peace while it is down",
    found: checkVxlanPort({ ...VXLAN, foreign: [{ ...foreign(0, ["external"]), up: false }] }),
    want: ["ok UDP port 4789: free; there is no Causeway VXLAN device"],
  },
  {
    name: "checkVxlanPort() fails of one that is up, where a device of ours is down for it",
    found: checkVxlanPort({
      ...VXLAN,
      tunnels: [{ name: "cw-vx", up: false }],
      foreign: [foreign(0, ["external"])],
    }),
    want: [
      "fail foreign VXLAN device flannel.1 uses UDP port 4789 alone (external), so Causeway's cannot come up | ip link delete dev flannel.1",
    ],
  },
  {
    name: "checkVxlanPort() shows how to find a holder that it cannot see",
    found: checkVxlanPort({ ...VXLAN, isBound: true }),
    want: [
      "warn a process not visible from here uses UDP port 4789, so Causeway's VXLAN device cannot come up; to find it: | ss --udp --listening --numeric --processes 'sport = :4789'",
    ],
  },
  {
    name: "checkVxlanPort() is content without an overlay",
    found: checkVxlanPort(VXLAN),
    want: ["ok UDP port 4789: free; there is no Causeway VXLAN device"],
  },
  {
    name: "checkShim() knows a build of its own version that is another",
    found: checkShim({
      path: "/opt/cni/bin/causeway",
      installed: { version: "0.1.0", isExecutable: true, isShipped: false },
      shippedPath: "/app/bin/causeway",
      shippedVersion: "0.1.0",
    }),
    want: [
      "warn /opt/cni/bin/causeway claims to be version 0.1.0, but is not the shim that ships with it | install -m 0755 /app/bin/causeway /opt/cni/bin/causeway",
    ],
  },
  {
    name: "checkShim() has no command for the shim of a running agent of another release, which puts its own back",
    found: [
      undefined,
      { version: "0.2.0", isExecutable: false, isShipped: false },
      { version: "0.0.9", isExecutable: true, isShipped: false },
    ].flatMap((installed) =>
      checkShim({
        path: "/opt/cni/bin/causeway",
        installed,
        shippedPath: "/app/bin/causeway",
        shippedVersion: "0.1.0",
        agentVersion: "0.2.0",
      }),
    ),
    want: [
      "fail /opt/cni/bin/causeway is missing: runtimes cannot start or stop pods; the running agent restores version 0.2.0",
      "fail /opt/cni/bin/causeway is not executable; the running agent restores version 0.2.0",
      "warn /opt/cni/bin/causeway is version 0.0.9, this program is 0.1.0; the running agent restores version 0.2.0",
    ],
  },
  {
    name: "checkStaleFiles() finds a conflist that names no socket",
    found: checkStaleFiles(
      {
        socket: { path: "/run/s", state: "listening" },
        conflist: { path: "/etc/cni/net.d/10-causeway.conflist", socket: undefined, state: undefined },
        temporaries: [],
      },
      "n1",
    ),
    want: [
      `fail /etc/cni/net.d/10-causeway.conflist names no socket: the runtime considers the node ready, but no pod starts until the agent runs; docs/uninstall.md describes how to remove Causeway from a node | ${agentRemedy("n1")}`,
    ],
  },
  {
    name: "checkAgent() tells of another release",
    found: checkAgent({
      nodeName: "n1",
      ownVersion: "0.2.0",
      agent: { kind: "answer", version: "0.1.0", reasons: [] },
    }),
    want: ["warn it runs version 0.1.0, this program is 0.2.0"],
  },
  {
    name: "checkApi() does not ask where there are no credentials",
    found: checkApi({ kind: "not asked", reason: "no cluster" }, { isAgentReady: true }),
    want: ["info not asked: no cluster"],
  },
  {
    name: "checkApi() only warns of a server that answers with an error",
    found: [true, false].flatMap((isAgentReady) =>
      checkApi({ ...API, server: "https://a", reason: "503", status: 503 }, { isAgentReady }),
    ),
    want: [
      "warn https://a does not serve this node: 503; pods start, changes of nodes do not arrive | curl --insecure --verbose --max-time 5 https://a/readyz",
      "warn https://a does not serve this node: 503; changes of nodes do not arrive | curl --insecure --verbose --max-time 5 https://a/readyz",
    ],
  },
  {
    name: "checkApi() gives no command where the credentials do not tell the server, or are refused: no prose and no file may stand where a URL must",
    found: [
      ...checkApi({ ...API, reason: 'Cannot read kubeconfig "/etc/k": ENOENT' }, { isAgentReady: false }),
      ...checkApi({ ...API, server: "https://a", reason: "401", status: 401 }, { isAgentReady: false }),
    ],
    want: [
      'fail it does not serve this node: Cannot read kubeconfig "/etc/k": ENOENT; changes of nodes do not arrive',
      "fail https://a does not serve this node: 401; changes of nodes do not arrive",
    ],
  },
  {
    name: "checkApi() asks about the permission that is refused",
    found: [
      'User "system:serviceaccount:kube-system:causeway" cannot list resource "nodes" in API group "" at the cluster scope',
      'User "system:serviceaccount:kube-system:causeway" cannot create resource "events" in API group "events.k8s.io" in the namespace "default"',
      'User "oidc:Jane Doe" cannot get path "/version"',
      "no words",
    ].flatMap((reason) =>
      checkApi({ ...API, server: "https://a", reason, status: 403 }, { isAgentReady: false }).map(
        ({ verdict, remedy }) => ({ name: "", verdict, evidence: "", remedy }),
      ),
    ),
    want: [
      "fail  | kubectl auth can-i list nodes --as system:serviceaccount:kube-system:causeway",
      "fail  | kubectl auth can-i create events.events.k8s.io --as system:serviceaccount:kube-system:causeway",
      "fail  | kubectl auth can-i get /version --as 'oidc:Jane Doe'",
      "fail  | kubectl auth can-i --list",
    ],
  },
  {
    name: "checkBridge() says that there is none, or no address",
    found: [
      ...checkBridge({ bridge: undefined, gateways: [], tunnels: [] }),
      ...checkBridge({ bridge: { name: "cw0", up: true }, gateways: [], tunnels: [] }),
    ],
    want: [
      "fail there is no Causeway bridge: the agent has not created it yet",
      "fail bridge cw0 has no gateway address",
    ],
  },
  {
    name: "checkPeers() tells some of many, and what cannot be mended by hand",
    found: checkPeers({
      nodeName: "n1",
      direct: 0,
      overlays: Array.from({ length: 7 }, (_, index) => {
        const podCidr = `10.0.${index}.0/24`;
        return { podCidr, device: "cw-vx6", gateway: "g", mac: "0e:19:05:29:b2:01", remote: undefined };
      }),
      unreachable: [],
    }),
    want: [
      ...Array.from(
        { length: 5 },
        (_, index) =>
          `fail 10.0.${index}.0/24: cw-vx6 has no forwarding entry for 0e:19:05:29:b2:01 | ${agentRemedy("n1")}`,
      ),
      "fail 2 more like these",
    ],
  },
  { name: "policies of an agent that enforces none", found: checkPolicies(undefined), want: [] },
  {
    name: "policies",
    found: checkPolicies([]),
    want: ["ok those of this node's pods say what they seem to say"],
  },
  {
    name: "policies that say what nobody meant",
    found: checkPolicies(["a/b: no egress rule lets UDP 53 pass"]),
    want: ["warn a/b: no egress rule lets UDP 53 pass"],
  },
  {
    name: "marks where no policies are enforced",
    found: checkMarkBit({ markBit: undefined, users: [], legacyTables: ["mangle"] }),
    want: [],
  },
  {
    name: "marks that others use beside ours",
    found: checkMarkBit({
      markBit: 29,
      users: [{ chain: "ip mangle PREROUTING", writes: 0x80, reads: 0x80 }],
      legacyTables: ["filter"],
    }),
    want: ["ok bit 29 of connections' marks is used by policies alone"],
  },
  {
    name: "marks of others that are ours, too",
    found: checkMarkBit({
      markBit: 31,
      users: [
        { chain: "ip a b", writes: 0xffff_ffff, reads: 0 },
        { chain: "inet c d", writes: 0xc000_0000, reads: 0 },
        { chain: "inet c e", writes: 0x10, reads: 0x8000_0000 },
      ],
      legacyTables: ["mangle"],
    }),
    want: [
      "warn chain ip a b sets whole marks of connections, among them bit 31 of policies",
      "warn chain inet c d sets bit 31 of connections' marks, by which policies end connections; set policy.markBit to one that is free, such as 29",
      "warn chain inet c e reads bit 31 of connections' marks, by which policies end connections; set policy.markBit to one that is free, such as 29",
      "info legacy iptables has a table mangle, whose rules are not visible through nftables: none of them may set bit 31 of connections' marks",
    ],
  },
];

for (const { name, found, want } of CASES) test(name, () => assert.deepEqual(linesOf(found), want));

test("judging() says why something cannot be told", () => {
  assert.deepEqual(
    judging("MTU", { error: "EPERM" }, () => []),
    [{ name: "MTU", verdict: "info", evidence: "unknown: EPERM" }],
  );
});

test("worstOf() and exitCodeOf() go by severity", () => {
  const of = (...verdicts: Finding["verdict"][]): number =>
    exitCodeOf(worstOf(verdicts.map((verdict) => ({ name: "", verdict, evidence: "" }))));
  assert.deepEqual([of(), of("ok", "info"), of("warn", "ok"), of("info", "fail", "warn")], [0, 0, 3, 4]);
});
