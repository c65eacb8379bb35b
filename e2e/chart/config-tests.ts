import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { type Config, loadConfig } from "../../agent/settings/config.ts";
import { OPTIONS } from "../../agent/settings/options.ts";
import { CHART, type Helm } from "./helm.ts";
import { type KubernetesObject, parseObjects } from "./kubernetes-schema.ts";
import { VALUES_FILES, type ValuesFile } from "./values-files.ts";

/** Settings that follow from where things are mounted, from the pod or from other values. */
const SET_BY_CHART = new Set([
  "apiServer",
  "cniBinDir",
  "cniConfDir",
  "daemonSet",
  "http",
  "httpHosts",
  "httpPage",
  "kubeconfig",
  "nodeName",
  "nodesFile",
  "objectsFile",
  "probes",
  "socket",
  "standalone",
]);

interface DaemonSet extends KubernetesObject {
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
      readonly spec: { readonly containers: readonly { readonly args: readonly string[] }[] };
    };
  };
}

interface ConfigMap extends KubernetesObject {
  readonly data: Readonly<Record<string, string>>;
}

/** The agent's settings in the chart: the agent itself reads them. */
export function testConfig(helm: Helm): void {
  test("values.yaml has every setting of the agent, with the agent's own default", () => {
    const { config } = parse(readFileSync(join(CHART, "values.yaml"), "utf8")) as { config: object };
    assert.deepEqual(
      Object.keys(config).toSorted(),
      [...Object.keys(OPTIONS).filter((key) => !SET_BY_CHART.has(key)), "encryption", "policy"].toSorted(),
    );
    const defaults = read("", []);
    assert.deepEqual(read(JSON.stringify(config), []), defaults);
  });

  for (const { name, files } of VALUES_FILES) {
    test(`the agent accepts what the values "${name}" make of its configuration`, async () => {
      const { config, args } = await rendered(helm, { name, files });
      const [command, file, http, probes] = args;
      assert.deepEqual([command, file], ["agent", "--config=/etc/causeway/config.yaml"]);
      assert.match(probes ?? "", /^--probes=127\.0\.0\.1:\d+$/);
      for (const address of ["192.0.2.7", "2001:db8::7"]) {
        const { http: listen } = read(config, [(http ?? "").replace("$(HOST_ADDRESS)", address)]);
        if (http?.includes("$(HOST_ADDRESS)") === true) assert.deepEqual(listen, { address, port: 9655 });
      }
    });
  }

  test("every value of the configuration reaches the agent", async () => {
    const everything = VALUES_FILES.find(({ name }) => name === "everything");
    assert.ok(everything !== undefined);
    const { config, args } = await rendered(helm, everything);
    assert.deepEqual(read(config, args.slice(2)), {
      standalone: false,
      nodeName: "node",
      apiServer: "https://[2001:db8::6443]:443",
      socket: "/run/network/causeway/agent.sock",
      cniBinDir: "/usr/libexec/cni",
      cniConfDir: "/etc/kubernetes/cni/net.d",
      cniConfName: "05-causeway.conflist",
      cniConfMode: 0o640,
      cniBinMode: 0o700,
      http: { address: "::", port: 19_655 },
      probes: { address: "127.0.0.1", port: 19_656 },
      httpPage: "node",
      httpHosts: ["metrics.example.com"],
      bridge: "br-pods",
      mtu: 65_535,
      overlay: "never",
      vxlanDevice: "vx-pods",
      vxlanVni: 16_777_215,
      vxlanPort: 8472,
      vxlanTxChecksum: false,
      masquerade: [4],
      masqueradeRandomPorts: false,
      nonMasqueradeCIDRs: [{ family: 6, base: "fd00::", prefixLength: 8 }],
      clusterCIDRs: [
        { family: 4, base: "10.244.0.0", prefixLength: 16 },
        { family: 6, base: "fd00:10:244::", prefixLength: 48 },
      ],
      fastPath: "auto",
      allowSourceSpoofing: true,
      nodeEvents: false,
      nodeCondition: true,
      encryption: { type: "wireguard", require: true, port: 51_821, rotateAfter: 2_592_000_000 },
      policy: {
        enabled: false,
        toOwnNode: "allow",
        start: "open",
        existingConnections: "keep",
        markBit: 31,
      },
      // extraArgs wins over config.
      logLevel: "trace",
      logFormat: "pretty",
    });
  });

  test("a change of the configuration changes the pods, and a change of labels alone does not change its sum", async () => {
    const sum = async (...set: readonly string[]): Promise<string | undefined> => {
      const objects = parseObjects(await helm.template({ set }));
      const { template } = (findObject(objects, "DaemonSet") as DaemonSet).spec;
      return template.metadata.annotations["checksum/config"];
    };
    const now = await sum();
    assert.notEqual(await sum("config.mtu=1400"), now);
    assert.notEqual(await sum('hostPaths.run="/run/other"'), now);
    assert.equal(await sum('podLabels={"a":"b"}'), now);
  });
}

async function rendered(
  helm: Helm,
  { files }: ValuesFile,
): Promise<{ readonly config: string; readonly args: readonly string[] }> {
  const objects = parseObjects(await helm.template({ files }));
  const [container] = (findObject(objects, "DaemonSet") as DaemonSet).spec.template.spec.containers;
  return {
    config: (findObject(objects, "ConfigMap") as ConfigMap).data["config.yaml"] ?? "",
    args: container?.args ?? [],
  };
}

function findObject(objects: readonly KubernetesObject[], kind: string): KubernetesObject {
  const found = objects.find(
    (object) => object.kind === kind && !/-(test|dashboard)$/.test(object.metadata.name),
  );
  if (found === undefined) throw new Error(`Cannot find the ${kind} of the agent`);
  return found;
}

/** What the agent makes of a file and flags. */
function read(content: string, flags: readonly string[]): Config {
  const folder = mkdtempSync(join(tmpdir(), "causeway-config-"));
  try {
    const file = join(folder, "config.yaml");
    writeFileSync(file, content);
    return loadConfig({ args: ["--config", file, ...flags], environment: {}, hostName: "node" });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
