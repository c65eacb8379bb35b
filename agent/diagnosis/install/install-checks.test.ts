import assert from "node:assert/strict";
import { test } from "node:test";
import { cidrOf, parseCidr } from "../../net/cidr.ts";
import type { Finding } from "../finding.ts";
import { checkConfigurations } from "./check-configurations.ts";
import { checkFolders } from "./check-folders.ts";
import { checkListeners } from "./check-listeners.ts";
import { checkPodCidrs } from "./check-pod-cidrs.ts";
import { checkUplinkMtu } from "./check-uplink-mtu.ts";

/** `VERDICT EVIDENCE [| REMEDY]`, one a line. */
function linesOf(findings: readonly Finding[]): string[] {
  return findings.map(
    ({ verdict, evidence, remedy }) => `${verdict} ${evidence}${remedy === undefined ? "" : ` | ${remedy}`}`,
  );
}

const CIDR = parseCidr("10.244.1.0/24");
assert.ok(CIDR);

test("checkConfigurations() names the plugin that serves the node, and removes nothing of it", () => {
  const folder = "/etc/cni/net.d";
  assert.deepEqual(
    linesOf(
      checkConfigurations({
        folder,
        others: [
          { path: `${folder}/05-cilium.conflist`, types: ["cilium-cni"], sortsFirst: true },
          { path: `${folder}/10-flannel.conflist`, types: ["flannel", "portmap"], sortsFirst: false },
          { path: `${folder}/99-broken.conf`, types: [], sortsFirst: false },
        ],
      }),
    ),
    [
      `warn ${folder}/05-cilium.conflist (has cilium-cni) sorts before Causeway's: once the node is drained, remove it, or choose another cniConfName`,
      `info ${folder}/10-flannel.conflist (has flannel, portmap) sorts behind Causeway's: runtimes stop loading it once Causeway is installed`,
      `info ${folder}/99-broken.conf (cannot be read) sorts behind Causeway's: runtimes stop loading it once Causeway is installed`,
    ],
  );
  assert.deepEqual(linesOf(checkConfigurations({ folder, others: [] })), [
    `ok ${folder} has no other configuration`,
  ]);
});

test("checkFolders() names folders that an agent without DAC_OVERRIDE cannot write to", () => {
  assert.deepEqual(
    linesOf(
      checkFolders([
        { path: "/opt/cni/bin", owner: { uid: 1000, mode: 0o755 }, isReadOnly: false },
        { path: "/etc/cni/net.d", owner: { uid: 0, mode: 0o755 }, isReadOnly: true },
        { path: "/opt/other", owner: undefined, isReadOnly: false },
      ]),
    ),
    [
      "fail /opt/cni/bin belongs to user 1000: the agent cannot write to it | chown root: /opt/cni/bin",
      "fail /etc/cni/net.d is on a read-only file system: choose other hostPaths",
      "info /opt/other does not exist: the kubelet creates it for the pod",
    ],
  );
  const ownedByRoot = { path: "/opt/cni/bin", owner: { uid: 0, mode: 0o755 }, isReadOnly: false };
  assert.deepEqual(linesOf(checkFolders([ownedByRoot])), [
    "ok /opt/cni/bin: belong to root, who alone can write to them",
  ]);
});

test("checkFolders() warns of folders in which others than root can replace what runtimes execute", () => {
  for (const mode of [0o777, 0o775, 0o1757, 0o2775])
    assert.deepEqual(
      linesOf(checkFolders([{ path: "/opt/cni/bin", owner: { uid: 0, mode }, isReadOnly: false }])),
      [
        `warn others than root can write to /opt/cni/bin (mode ${mode.toString(8)}), and runtimes run as root what is there | chmod go-w /opt/cni/bin`,
      ],
    );
});

for (const [name, podCIDRs, prefixes, wanted] of [
  ["a node without PodCIDRs", [], [], /^fail node n1 has none: run kube-controller-manager/],
  [
    "the bridge of another plugin",
    [CIDR],
    [{ link: "cni0", address: "10.244.1.1", length: 24 }],
    /^warn link cni0 has 10\.244\.1\.1\/24, which meets PodCIDR 10\.244\.1\.0\/24/,
  ],
  [
    "a network that holds the PodCIDR",
    [CIDR],
    [{ link: "eth0", address: "10.9.9.9", length: 8 }],
    /^warn link eth0 has 10\.9\.9\.9\/8/,
  ],
  [
    "networks beside it",
    [CIDR],
    [{ link: "eth0", address: "10.244.2.9", length: 24 }],
    /^ok node n1 has 10\.244\.1\.0\/24$/,
  ],
] as const)
  test(`checkPodCidrs() judges ${name}`, () => {
    const observation = {
      kind: "known",
      nodeName: "n1",
      podCIDRs,
      prefixes: prefixes.map(({ link, address, length }) => ({
        link,
        address,
        cidr: cidrOf(address, length),
      })),
    } as const;
    const [line = ""] = linesOf(checkPodCidrs(observation));
    assert.match(line, wanted);
  });

test("checkPodCidrs() says why the PodCIDRs are unknown", () => {
  assert.deepEqual(linesOf(checkPodCidrs({ kind: "not asked", reason: "401" })), ["info unknown: 401"]);
});

test("checkListeners() names the value that moves a port which a program has", () => {
  const ports = new Map([
    ["http.port", 9655],
    ["http.probesPort", 9656],
  ]);
  assert.deepEqual(linesOf(checkListeners({ ports, taken: new Set([22, 9655]) })), [
    "warn a program listens on port 9655: set http.port to a free one | ss --tcp --listening --numeric --processes 'sport = :9655'",
  ]);
  assert.deepEqual(linesOf(checkListeners({ ports, taken: new Set([22]) })), ["ok 9655 and 9656 are free"]);
});

for (const [mtu, families, hasIpv6, wanted] of [
  [1500, [4, 6], true, "ok eth0 1500: pods get 1430, and 1500 where overlay is never"],
  [1280, [4], false, "ok eth0 1280: pods get 1230, and 1280 where overlay is never"],
  [
    1280,
    [4, 6],
    false,
    "warn eth0 1280: pods get 1280, and 1280 where overlay is never; VXLAN packets of 1330 bytes do not fit, and the node fragments them",
  ],
] as const)
  test(`checkUplinkMtu() with a link of ${mtu} bytes for IPv${families.join(" and IPv")}`, () => {
    const uplinks = [{ name: "eth0", mtu }];
    assert.deepEqual(linesOf(checkUplinkMtu({ uplinks, families, hasIpv6 })), [wanted]);
  });

test("checkUplinkMtu() fails without a way out of the node", () => {
  assert.deepEqual(linesOf(checkUplinkMtu({ uplinks: [], families: [4], hasIpv6: false })), [
    "fail no link of this node has a route out of it",
  ]);
});
