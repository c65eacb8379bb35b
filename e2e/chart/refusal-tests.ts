import assert from "node:assert/strict";
import { test } from "node:test";
import type { Helm } from "./helm.ts";

/**
 * Values that are refused, and what both helms say of them. Paths differ: config.mtu in helm 3, /config/mtu
 * in helm 4.
 */
const REFUSALS: readonly { readonly set: string; readonly want: RegExp }[] = [
  { set: "colour=1", want: /[Aa]dditional propert.*colour.* not allowed/ },
  { set: "config.colour=1", want: /config.*[Aa]dditional propert.*colour.* not allowed/ },
  { set: 'config.kubeconfig="/k"', want: /config.*[Aa]dditional propert.*kubeconfig.* not allowed/ },
  { set: 'config.overlay="maybe"', want: /config.overlay.* must be one of .*auto.*never.*always/ },
  { set: "config.mtu=-1", want: /config.mtu.*(greater than or equal to 0|got -1, want 0)/ },
  { set: "config.mtu=575", want: /config.mtu 575 must be 0 or 576 to 65535/ },
  {
    set: 'config.mtu="1500"',
    want: /config.mtu.*(Expected: integer, given: string|got string, want integer)/,
  },
  {
    set: 'config.masquerade="yes"',
    want: /config.masquerade.* must be one of .*true, false, .ipv4., .ipv6./,
  },
  { set: 'config.nonMasqueradeCIDRs=["ten"]', want: /config.nonMasqueradeCIDRs.0.* match pattern/ },
  { set: 'config.nonMasqueradeCIDRs=["10.0.0.0/40"]', want: /config.nonMasqueradeCIDRs.0.* match pattern/ },
  { set: 'config.nonMasqueradeCIDRs=["10.0.0.256/24"]', want: /config.nonMasqueradeCIDRs.0.* match pattern/ },
  { set: 'config.clusterCIDRs=["10.0.0.0/40"]', want: /config.clusterCIDRs.0.* match pattern/ },
  { set: 'config.clusterCIDRs=["fd00::/129"]', want: /config.clusterCIDRs.0.* match pattern/ },
  { set: 'config.cniConfName="cw.conf"', want: /config.cniConfName.* match pattern/ },
  { set: "config.cniConfMode=384", want: /config.cniConfMode.* (want|expected:?) string/i },
  { set: 'config.cniBinMode="0777"', want: /config.cniBinMode.* match pattern/ },
  { set: 'config.bridge="a-name-that-is-too-long"', want: /config.bridge.* match pattern/ },
  { set: 'config.bridge="cw-vx"', want: /config.vxlanDevice "cw-vx" is also the name of the bridge/ },
  { set: "config.vxlanVni=16777216", want: /config.vxlanVni 16777216 must be 1 to 16777215/ },
  { set: "config.vxlanPort=0", want: /config.vxlanPort.*1/ },
  { set: 'config.nodeCondition="true"', want: /config.nodeCondition.*boolean/ },
  {
    set: 'config.logLevel="loud"',
    want: /config.logLevel.* must be one of .*trace.*debug.*info.*warn.*error/,
  },
  { set: 'image.digest="sha256:12"', want: /image.digest.* match pattern/ },
  { set: 'image.repository="registry.example.com/causeway:0.1.0"', want: /image.repository.* match pattern/ },
  { set: 'image.repository="causeway@sha256:12"', want: /image.repository.* match pattern/ },
  { set: 'image.repository=""', want: /image.repository.* match pattern/ },
  {
    set: 'image.pullPolicy="Sometimes"',
    want: /image.pullPolicy.* must be one of .*Always.*IfNotPresent.*Never/,
  },
  { set: "imagePullSecrets=[{}]", want: /imagePullSecrets.0.*name/ },
  { set: 'hostPaths.cniBin="opt/cni/bin"', want: /hostPaths.cniBin.* match pattern/ },
  { set: 'hostPaths.cniBin="/opt/cni/bin/"', want: /hostPaths.cniBin.* match pattern/ },
  {
    set: 'hostPaths.cniBin="/usr/bin"',
    want: /hostPaths.cniBin "\/usr\/bin" would cover a folder of the image/,
  },
  { set: 'hostPaths.cniConf="/opt/cni/bin"', want: /hostPaths must be three different folders/ },
  {
    set: `hostPaths.run="/run/${"x".repeat(86)}"`,
    want: /hostPaths.run .* is too long: .* at most 101 bytes/,
  },
  { set: 'apiServer.host="https://192.0.2.1"', want: /apiServer.host.* match pattern/ },
  { set: "apiServer.port=65536", want: /apiServer.port.*65,?535/ },
  { set: "http.probesPort=9655", want: /http.probesPort 9655 is http.port too/ },
  { set: 'http.page="pods"', want: /http.page.* must be one of .*loopback.*node/ },
  { set: 'http.hosts=["A b"]', want: /http.hosts.0.* match pattern/ },
  { set: 'http.address="localhost"', want: /http.address.* match pattern/ },
  { set: 'updateStrategy.rollingUpdate.maxUnavailable="0%"', want: /updateStrategy.rollingUpdate/ },
  { set: "updateStrategy.rollingUpdate.maxSurge=1", want: /rollingUpdate.*maxSurge.* not allowed/ },
  { set: 'extraCapabilities=["SYS_ADMIN"]', want: /extraCapabilities.0.* must be .*DAC_OVERRIDE/ },
  {
    set: 'podLabels={"app.kubernetes.io/name":"x"}',
    want: /podLabels has "app.kubernetes.io\/name", a label that the chart sets/,
  },
  {
    set: 'commonLabels={"helm.sh/chart":"x"}',
    want: /commonLabels has "helm.sh\/chart", a label that the chart sets itself/,
  },
  { set: 'fullnameOverride="Net_Agent"', want: /fullnameOverride.* match pattern/ },
  { set: 'global.imageRegistry="https://mirror.example.com"', want: /global.imageRegistry.* match pattern/ },
  { set: 'extraArgs=["debug"]', want: /extraArgs.0.* match pattern/ },
  { set: "extraEnv=[{}]", want: /extraEnv.0.*name/ },
  {
    set: 'extraVolumeMounts=[{"name":"a","mountPath":"/a"}]',
    want: /extraVolumeMounts names the volume "a", which extraVolumes does not have/,
  },
  { set: "livenessProbe.httpGet={}", want: /livenessProbe.*httpGet.* not allowed/ },
  { set: "terminationGracePeriodSeconds=0", want: /terminationGracePeriodSeconds.*1/ },
  { set: 'serviceMonitor.scrapeTimeout="soon"', want: /serviceMonitor.scrapeTimeout.* match pattern/ },
  { set: "podLabels.count=1", want: /podLabels.count.*string/ },
  { set: 'podMonitor.interval="often"', want: /podMonitor.interval.* match pattern/ },
  { set: 'prometheusRule.runbookPrefix="docs"', want: /prometheusRule.runbookPrefix.* match pattern/ },
  { set: 'tests.egress=["example.com"]', want: /tests.egress.0.* match pattern/ },
];

/** What values.schema.json and templates/_validate.tpl refuse, and in which words. */
export function testRefusals(helm: Helm): void {
  for (const { set, want } of REFUSALS) {
    test(`values refuse ${set.slice(0, 60)}`, async () => {
      assert.match(await helm.refuse({ set: [set] }), want);
    });
  }

  test("values refuse a PodMonitor of an address that only the node reaches", async () => {
    const set = ["podMonitor.enabled=true", 'http.address="127.0.0.1"'];
    assert.match(
      await helm.refuse({ set }),
      /podMonitor.enabled has no effect with http.address "127.0.0.1"/,
    );
  });

  test("values refuse encryption that is required of pods whose space is not told", async () => {
    const set = ['config.encryption.type="wireguard"', "config.encryption.require=true"];
    assert.match(await helm.refuse({ set }), /config.encryption.require needs config.clusterCIDRs/);
  });

  test("values refuse two monitors, which would count every agent twice", async () => {
    const set = ["podMonitor.enabled=true", "serviceMonitor.enabled=true"];
    assert.match(await helm.refuse({ set }), /would scrape every agent twice: choose one/);
  });

  test("values name all faults together", async () => {
    const said = await helm.refuse({
      set: ["config.mtu=100", 'config.bridge="cw-vx"', 'hostPaths.run="/etc"'],
    });
    for (const key of ["config.mtu", "config.vxlanDevice", "hostPaths.run"])
      assert.ok(said.includes(key), said);
  });
}
