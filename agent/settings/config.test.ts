import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ConfigError, configFlags, loadConfig } from "./config.ts";
import { OPTIONS } from "./options.ts";

function load(
  args: readonly string[],
  environment: Record<string, string> = {},
): ReturnType<typeof loadConfig> {
  return loadConfig({ args, environment, hostName: "host-1" });
}

function faultsOf(args: readonly string[]): readonly string[] {
  try {
    load(args);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.faults;
  }
  return [];
}

function withFile(content: string, use: (path: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "causeway-config-"));
  try {
    writeFileSync(join(folder, "config.yaml"), content);
    use(join(folder, "config.yaml"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("loadConfig() has the defaults of the design", () => {
  assert.deepEqual(load([]), {
    standalone: false,
    nodeName: "host-1",
    socket: "/run/causeway/agent.sock",
    cniBinDir: "/opt/cni/bin",
    cniConfDir: "/etc/cni/net.d",
    cniConfName: "10-causeway.conflist",
    cniConfMode: 0o600,
    cniBinMode: 0o755,
    http: { address: "127.0.0.1", port: 9655 },
    probes: { address: "127.0.0.1", port: 9656 },
    httpPage: "loopback",
    httpHosts: [],
    bridge: "cw0",
    mtu: 0,
    overlay: "auto",
    vxlanDevice: "cw-vx",
    vxlanVni: 4096,
    vxlanPort: 4789,
    vxlanTxChecksum: true,
    masquerade: [4, 6],
    masqueradeRandomPorts: true,
    nonMasqueradeCIDRs: [],
    clusterCIDRs: [],
    fastPath: "off",
    allowSourceSpoofing: false,
    nodeEvents: true,
    nodeCondition: false,
    logLevel: "info",
    logFormat: "json",
    encryption: { type: "none", require: false, port: 51_820, rotateAfter: 0 },
    policy: {
      enabled: true,
      toOwnNode: "enforce",
      start: "closed",
      existingConnections: "end",
      markBit: 29,
    },
  });
});

test("loadConfig() takes settings of policies from a mapping of the file, single ones from flags", () => {
  withFile("policy: {start: open, markBit: 3}\n", (path) => {
    const { policy } = load(["--config", path, "--policy-mark-bit", "4", "--policy-to-own-node", "allow"]);
    assert.deepEqual(policy, {
      enabled: true,
      toOwnNode: "allow",
      start: "open",
      existingConnections: "end",
      markBit: 4,
    });
  });
  for (const { content, fault } of [
    { content: "policy: {colour: red}\n", fault: "policy.colour is not a setting" },
    { content: "policy: {start: ajar}\n", fault: 'policy.start "ajar" must be closed or open' },
    { content: "policy: off\n", fault: 'policy "off" must be a mapping of settings' },
    { content: "policy.start: open\n", fault: "policy.start is not a setting" },
  ])
    withFile(content, (path) => assert.deepEqual(faultsOf(["--config", path]), [fault]));
  assert.deepEqual(faultsOf(["--policy-mark-bit", "32"]), ["policy.markBit 32 must be 0 to 31"]);
  for (const bit of ["14", "15"])
    assert.deepEqual(faultsOf(["--policy-mark-bit", bit]), [
      `policy.markBit ${bit} is kube-proxy's: its marks are 0x4000 and 0x8000`,
    ]);
});

test("loadConfig() takes settings of encryption from a mapping of the file, single ones from flags", () => {
  const file =
    "clusterCIDRs: [10.244.0.0/16]\nencryption: {type: wireguard, require: true, rotateAfter: 30d}\n";
  withFile(file, (path) =>
    assert.deepEqual(load(["--config", path, "--encryption-port", "51821"]).encryption, {
      type: "wireguard",
      require: true,
      port: 51_821,
      rotateAfter: 2_592_000_000,
    }),
  );
});

test("loadConfig() takes the node name from the flag, then NODE_NAME, then the host name", () => {
  assert.equal(load(["--node-name", "a"], { NODE_NAME: "b" }).nodeName, "a");
  assert.equal(load([], { NODE_NAME: "b" }).nodeName, "b");
});

test("loadConfig() lets flags win over the file", () => {
  withFile(
    "mtu: 1400\nbridge: br9\nnonMasqueradeCIDRs: [10.0.0.0/8]\nclusterCIDRs: [10.244.0.0/16]\n",
    (path) => {
      const config = load(["--config", path, "--bridge", "br1"]);
      assert.equal(config.mtu, 1400);
      assert.equal(config.bridge, "br1");
      assert.deepEqual(config.nonMasqueradeCIDRs, [{ family: 4, base: "10.0.0.0", prefixLength: 8 }]);
      assert.deepEqual(config.clusterCIDRs, [{ family: 4, base: "10.244.0.0", prefixLength: 16 }]);
    },
  );
});

test("loadConfig() reports all faults together, each with key and value", () => {
  withFile("colour: red\nmtu: 12\n", (path) => {
    const faults = faultsOf([
      "--config",
      path,
      "--http",
      "9655",
      "--socket",
      "agent.sock",
      "--masquerade",
      "maybe",
    ]);
    assert.deepEqual(faults.toSorted(), [
      "colour is not a setting",
      'http "9655" must be ADDRESS:PORT',
      'masquerade "maybe" must be true, false, ipv4 or ipv6',
      "mtu 12 must be 0 or 576 to 65535",
      'socket "agent.sock" must be an absolute path',
    ]);
  });
});

for (const { args, want } of [
  { args: ["--mtu", "abc"], want: 'mtu "abc" must be a number' },
  { args: ["--bridge", "a/b"], want: 'bridge "a/b" must be a link name' },
  { args: ["--node-name", "UPPER"], want: 'nodeName "UPPER" must be a valid Kubernetes node name' },
  { args: ["--log-level", "loud"], want: 'logLevel "loud" must be trace, debug, info, warn or error' },
  { args: ["--standalone"], want: "nodesFile is missing: standalone needs it" },
  {
    args: ["--nodes-file", "/n.yaml"],
    want: 'nodesFile "/n.yaml" has no effect because standalone is false',
  },
  {
    args: ["--encryption-type", "ipsec"],
    want: 'encryption.type "ipsec" must be none or wireguard',
  },
  {
    args: ["--encryption-require", "true"],
    want: "encryption.require true has no effect because encryption.type is none",
  },
  {
    args: ["--encryption-type", "wireguard", "--encryption-require", "true"],
    want: "encryption.require true needs clusterCIDRs: where no packet may go in clear, whatever nodes are known",
  },
  {
    args: ["--encryption-type", "wireguard", "--encryption-port", "4789"],
    want: "encryption.port 4789 is also vxlanPort",
  },
  {
    args: ["--encryption-type", "wireguard", "--encryption-port", "4788"],
    want: "encryption.port 4788: port 4789, on which its keys are rotated, is also vxlanPort",
  },
  {
    args: ["--encryption-rotate-after", "30 days"],
    want: 'encryption.rotateAfter "30 days" must be 0, or a whole number of m, h or d such as 30d',
  },
  {
    args: ["--encryption-rotate-after", "9m"],
    want: 'encryption.rotateAfter "9m" must be 0 or at least 10m',
  },
  { args: ["--fast-path", "on"], want: 'fastPath "on" must be off or auto' },
  { args: ["--overlay", "yes"], want: 'overlay "yes" must be auto, never or always' },
  { args: ["--vxlan-vni", "0"], want: "vxlanVni 0 must be 1 to 16777215" },
  { args: ["--vxlan-port", "65536"], want: "vxlanPort 65536 must be 1 to 65535" },
  { args: ["--vxlan-device", "cw0"], want: 'vxlanDevice "cw0" is also the name of the bridge' },
  {
    args: ["--vxlan-device", "longer-than-14c"],
    want: 'vxlanDevice "longer-than-14c" must be a link name of at most 14 characters',
  },
  {
    args: ["--cni-conf-name", "a.conf"],
    want: 'cniConfName "a.conf" must be a file name that ends in ".conflist"',
  },
  { args: ["--cni-conf-mode", "rw"], want: 'cniConfMode "rw" must be octal text such as "0600"' },
  { args: ["--cni-bin-mode", "0777"], want: 'cniBinMode "0777" must not let group or others write' },
  { args: ["--cni-bin-mode", "0644"], want: 'cniBinMode "0644" must let the owner do what "0500" does' },
  { args: ["--daemon-set", "causeway"], want: 'daemonSet "causeway" must be NAMESPACE/NAME' },
  {
    args: ["--daemon-set", "a/b", "--standalone", "--nodes-file", "/n.yaml"],
    want: 'daemonSet "a/b" has no effect because standalone is true',
  },
  { args: ["--unknown"], want: 'unknown flag "--unknown"' },
  { args: ["--vxlan-prot", "1"], want: 'unknown flag "--vxlan-prot"; did you mean "--vxlan-port"?' },
  { args: ["--mtu"], want: 'flag "--mtu" needs a value' },
  { args: ["here"], want: 'unknown argument "here"' },
  { args: ["--http", "[::1:9655"], want: 'http "[::1:9655" must be ADDRESS:PORT' },
  { args: ["--http", "[192.0.2.1]:80"], want: 'http "[192.0.2.1]:80" must be ADDRESS:PORT' },
  { args: ["--http", "localhost:80"], want: 'http "localhost:80" must be ADDRESS:PORT' },
  {
    args: ["--probes", "192.0.2.1:9656"],
    want: 'probes "192.0.2.1:9656" must be on a loopback address',
  },
  {
    args: ["--probes", "127.0.0.1:9655"],
    want: 'probes "127.0.0.1:9655" is also what http listens on',
  },
  {
    args: ["--http", "[::]:9656"],
    want: 'probes "127.0.0.1:9656" is also what http listens on',
  },
  {
    args: ["--http-page", "yes"],
    want: 'httpPage "yes" must be loopback or node',
  },
  {
    args: ["--http-host", "a b"],
    want: 'httpHosts.0 "a b" must be a host name in lower case',
  },
  {
    args: ["--non-masquerade-cidr", "10.0.0.1/8"],
    want: 'nonMasqueradeCIDRs.0 "10.0.0.1/8" must be a prefix such as 10.0.0.0/8, without host bits',
  },
  {
    args: ["--socket", `/${"s".repeat(108)}`],
    want: `socket "/${"s".repeat(108)}" must have at most 101 bytes`,
  },
]) {
  test(`loadConfig() refuses ${args.join(" ").slice(0, 40)}`, () => assert.deepEqual(faultsOf(args), [want]));
}

for (const { content, want } of [
  { content: "- a\n", want: /must be a mapping of settings$/ },
  { content: "mtu: [\n", want: /cannot be read/ },
]) {
  test(`loadConfig() refuses the file ${JSON.stringify(content)}`, () => {
    withFile(content, (path) => assert.match(faultsOf(["--config", path])[0] ?? "", want));
  });
}

test("loadConfig() refuses a file that is not there", () => {
  assert.match(
    faultsOf(["--config", "/nowhere.yaml"])[0] ?? "",
    /^config "\/nowhere.yaml" cannot be read: ENOENT/,
  );
});

for (const { value, families } of [
  { value: "false", families: [] },
  { value: "ipv4", families: [4] },
  { value: "ipv6", families: [6] },
]) {
  test(`loadConfig() takes masquerade ${value} as families ${families.join()}`, () => {
    assert.deepEqual(load(["--masquerade", value]).masquerade, families);
  });
}

for (const { value, address } of [
  { value: "192.0.2.1:80", address: "192.0.2.1" },
  { value: "[2001:db8::1]:80", address: "2001:db8::1" },
  { value: "2001:db8::1:80", address: "2001:db8::1" },
  { value: "::1:80", address: "::1" },
]) {
  test(`loadConfig() listens at ${value}`, () => {
    assert.deepEqual(load(["--http", value]).http, { address, port: 80 });
  });
}

test("configFlags() names every flag", () => {
  const names = new Set(configFlags().map(({ name }) => name));
  for (const { flag } of Object.values(OPTIONS)) assert.ok(names.has(flag), flag);
});
