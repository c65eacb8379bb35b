import type { AttachmentReport, NodeReport } from "../../report/node-report.ts";

const AT_MS = Date.UTC(2026, 10, 25, 12);
const MINUTE_MS = 60_000;

export const SAMPLE_POD: AttachmentReport = {
  pod: "shop/cart-7c65d6cfc9-x2x5t",
  containerId: "2ae73799732f4e1b",
  ifname: "eth0",
  network: "causeway",
  addresses: ["10.244.1.5", "fd00:10:244:1::5"],
  hostLink: "cwrarduizpfxntw",
  mtu: 1430,
  isUp: true,
  hostPorts: [
    { protocol: "tcp", hostPort: 8080, containerPort: 80, hostIp: undefined },
    { protocol: "udp", hostPort: 53, containerPort: 5353, hostIp: "192.0.2.10" },
  ],
  bandwidth: { ingress: { rate: 10_000_000, burst: 1_000_000 }, egress: undefined },
  createdMs: AT_MS - 5 * MINUTE_MS,
};

/** A report with something of everything. */
export const SAMPLE_REPORT: NodeReport = {
  format: 1,
  atMs: AT_MS,
  agent: {
    version: "1.2.3",
    nodeVersion: "v24.0.0",
    pid: 42,
    startedMs: AT_MS - 180 * MINUTE_MS,
    settings: {
      socket: "/run/causeway/agent.sock",
      cniBinDir: "/opt/cni/bin",
      cniConfDir: "/etc/cni/net.d",
      cniConfName: "10-causeway.conflist",
      bridge: "cw0",
      overlay: "auto",
      vxlanDevice: "cw-vx",
      vxlanVni: 4096,
      vxlanPort: 4789,
      masquerade: [4, 6],
    },
    source: { kind: "kubernetes", isComplete: true, fault: undefined, nodes: 1204, skipped: 1 },
  },
  node: {
    name: "node-1",
    addresses: ["192.0.2.10", "2001:db8::10"],
    podCIDRs: ["10.244.1.0/24", "fd00:10:244:1::/64"],
    bridge: "cw0",
    mtu: 1430,
  },
  readiness: { isReady: true, reasons: [] },
  pools: [
    { cidr: "10.244.1.0/24", family: 4, size: 253, taken: 2, cooling: 1 },
    { cidr: "fd00:10:244:1::/64", family: 6, size: 16_383, taken: 1, cooling: 0 },
  ],
  attachments: [
    SAMPLE_POD,
    {
      ...SAMPLE_POD,
      pod: undefined,
      containerId: "9b1c44d0aa017722",
      addresses: ["10.244.1.6"],
      hostLink: "cws3rnlzf3jjtas",
      isUp: false,
      hostPorts: [],
      bandwidth: { ingress: undefined, egress: undefined },
      createdMs: undefined,
    },
  ],
  peers: {
    counts: { direct: 1201, overlay: 1, held: 0, unreachable: 1 },
    list: [
      {
        node: "node-9",
        podCIDR: "10.244.9.0/24",
        route: "unreachable",
        reason: "it shares no address family with this node (it has 2001:db8::9)",
      },
      { node: "node-7", podCIDR: "10.244.7.0/24", route: "overlay", via: "203.0.113.7" },
      { node: "node-2", podCIDR: "10.244.2.0/24", route: "direct", via: "192.0.2.11" },
    ],
    problems: ['node "node-5" claims 10.244.6.0/24, which belongs to node "node-6"'],
  },
  calls: [
    {
      atMs: AT_MS - 12_000,
      command: "ADD",
      pod: "shop/cart-7c65d6cfc9-zzzzz",
      containerId: "77aa",
      ifname: "eth0",
      ms: 0.41,
      code: 101,
      error: "Cannot reserve an IPv4 address: all are in use (10.244.1.0/24: 253 of 253 taken)",
    },
    {
      atMs: AT_MS - 5 * MINUTE_MS,
      command: "ADD",
      pod: "shop/cart-7c65d6cfc9-x2x5t",
      containerId: "2ae73799732f4e1b",
      ifname: "eth0",
      ms: 1.4412,
      code: 0,
    },
  ],
  repairs: [{ atMs: AT_MS - 61_000, kind: "route", fault: "add route 10.244.2.0/24 via 192.0.2.11" }],
  problems: [{ atMs: AT_MS - 3_600_000, level: "warn", message: "Not ready: routes, no uplink" }],
  denied: [
    {
      atMs: AT_MS - 4000,
      direction: "ingress",
      from: "shop/cart-7c65d6cfc9-x2x5t (10.244.1.5)",
      to: "shop/db-0 (10.244.1.9)",
      port: "TCP 5432",
      reason: "isolated by shop/db, no rule allows it",
      packets: 3,
    },
    {
      atMs: AT_MS - 90_000,
      direction: "egress",
      from: "shop/db-0 (10.244.1.9)",
      to: "192.0.2.10",
      port: "UDP 53",
      reason: "Admin no-dns, egress rule 2",
      hint: "192.0.2.10 is this node: no selector covers it, only an ipBlock",
      packets: 1,
    },
  ],
  denials: [
    { direction: "ingress", namespace: "shop", policy: "db", packets: 1204 },
    { direction: "egress", namespace: "", policy: "no-dns", packets: 1 },
  ],
  rivals: ["/etc/cni/net.d/05-other.conflist"],
};
