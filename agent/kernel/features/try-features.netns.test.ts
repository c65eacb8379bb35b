/** Each answer is compared with what the kernel says that it was built with, where it does. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { KERNEL_FEATURES, type KernelFeature } from "../../plan/node/kernel-features.ts";
import { host } from "../../testing/machine/netns.ts";
import { assertInsideTestNamespaces } from "../../testing/runner/privileged.ts";
import { loadNative } from "../socket/native.ts";
import { tryFeaturesApart } from "./try-features.ts";

assertInsideTestNamespaces();
const native = loadNative();

const ASKED = KERNEL_FEATURES.filter(({ probe }) => typeof probe === "object");

/** What kernels have that Causeway does not need, and what none has: the same questions about other things. */
const OTHERS: readonly KernelFeature[] = [
  ["WIREGUARD", { kind: "link", name: "wireguard" }],
  ["DUMMY", { kind: "link", name: "dummy" }],
  ["NET_SCH_HTB", { kind: "qdisc", name: "htb" }],
  ["NET_SCH_SFQ", { kind: "qdisc", name: "sfq" }],
  ["NONE", { kind: "link", name: "cw-none" }],
  ["NONE", { kind: "qdisc", name: "cw-none" }],
  ["NONE", { kind: "action", name: "cw-none" }],
].map(([option, probe]) => ({ option, probe, use: "this test" }) as KernelFeature);

const described = ({ option, probe }: KernelFeature): string => `${option} ${JSON.stringify(probe)}`;

/** Of a kernel that does not tell itself: the path of its configuration. */
const { KERNEL_CONFIG } = process.env;
const PACKED = "/proc/config.gz";

function readConfig(): string | undefined {
  if (KERNEL_CONFIG !== undefined) return readFileSync(KERNEL_CONFIG, "utf8");
  return existsSync(PACKED) ? gunzipSync(readFileSync(PACKED)).toString("utf8") : undefined;
}

const config = readConfig();

test("tryFeatures() finds what this kernel was built without, and nothing else", {
  skip: config === undefined && "this kernel does not tell what it was built with",
}, async () => {
  const features = [...ASKED, ...OTHERS];
  const { refused, untried } = await tryFeaturesApart(native, features);
  // In a user namespace of its own a test may not ask for actions.
  const isAction = ({ probe }: KernelFeature): boolean =>
    typeof probe === "object" && probe.kind === "action";
  assert.deepEqual(
    untried.filter((feature) => !isAction(feature)),
    [],
  );
  const missing = features.filter(
    (feature) =>
      !untried.includes(feature) && !new RegExp(`^CONFIG_${feature.option}=`, "m").test(config ?? ""),
  );
  assert.deepEqual(refused.map(described), missing.map(described));
});

test("tryFeatures() changes nothing: no link, no qdisc, no action, also where lo has a qdisc of others", async () => {
  const look = () => host("ip -d link; tc qdisc; tc actions list action mirred; ip xfrm policy; true");
  const added: readonly string[] = [
    "true",
    "tc qdisc replace dev lo root tbf rate 1mbit burst 10k latency 1s",
  ];
  // With a module links may come (ifb0).
  await tryFeaturesApart(native, ASKED);
  for (const add of added) {
    await host(add);
    const before = await look();
    await tryFeaturesApart(native, [...ASKED, ...OTHERS]);
    assert.equal(await look(), before);
  }
  await host("tc qdisc del dev lo root");
});
