import { test } from "node:test";
import { planPodNetwork } from "../../plan/pods/pod-network.ts";
import { defaultRoutes } from "../../plan/pods/pod-routing.ts";
import { assertGolden } from "../../testing/golden.ts";
import { SUPPORTED_VERSIONS } from "../request/network-config.ts";
import { formatResult } from "./result.ts";

const addresses = [
  { family: 4, address: "10.244.1.5", gateway: "10.244.1.1" },
  { family: 6, address: "fd00:10:244:1::5", gateway: "fd00:10:244:1::1" },
] as const;

for (const { stack, used } of [
  { stack: "ipv4", used: addresses.slice(0, 1) },
  { stack: "ipv6", used: addresses.slice(1) },
  { stack: "dual-stack", used: addresses },
]) {
  for (const version of SUPPORTED_VERSIONS) {
    test(`formatResult() has the shape of ${version}, ${stack}`, () => {
      const plan = planPodNetwork({
        network: "causeway",
        containerId: "c1",
        ifname: "eth0",
        mtu: 1400,
        addresses: used,
      });
      const bridge = { name: "cw0", mac: "0a:58:00:00:00:01" };
      const dns = stack === "ipv6" ? { nameservers: ["fd00:10:96::a"] } : undefined;
      const result = formatResult(
        {
          plan,
          routes: defaultRoutes(plan.pod.addresses),
          bridge,
          netns: "/run/netns/c1",
          dns,
          prevResult: undefined,
        },
        version,
      );
      const pretty = `${JSON.stringify(JSON.parse(result), undefined, 2)}\n`;
      assertGolden(pretty, new URL(`golden/result-${version}-${stack}.json`, import.meta.url));
    });
  }
}
