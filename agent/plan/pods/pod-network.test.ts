import assert from "node:assert/strict";
import { test } from "node:test";
import { planPodNetwork } from "./pod-network.ts";
import { NO_SETTINGS } from "./pod-settings.ts";

test("planPodNetwork() plans host prefixes, permanent MACs and the alias of a dual-stack pod", () => {
  const hostPort = { protocol: "tcp", hostPort: 8080, containerPort: 80, hostIp: undefined } as const;
  const settings = { ...NO_SETTINGS, hostPorts: [hostPort] };
  const plan = planPodNetwork({
    network: "causeway",
    containerId: "c1",
    ifname: "eth0",
    mtu: 1450,
    settings,
    addresses: [
      { family: 6, address: "fd00::5", gateway: "fd00::1" },
      { family: 4, address: "10.244.1.5", gateway: "10.244.1.1" },
    ],
  });
  assert.deepEqual(plan, {
    host: {
      link: "cw6u7qfm575feue",
      mac: "fa:58:0a:f4:01:05",
      alias: "causeway 1 causeway c1 eth0 fd00::5,10.244.1.5",
      altNames: ["cw6u7qfm575feue.tcp.8080.80"],
    },
    attachment: {
      network: "causeway",
      containerId: "c1",
      ifname: "eth0",
      addresses: ["fd00::5", "10.244.1.5"],
      settings,
    },
    pod: {
      ifname: "eth0",
      mac: "0a:58:0a:f4:01:05",
      addresses: [
        { family: 6, address: "fd00::5", prefixLength: 128, gateway: "fd00::1" },
        { family: 4, address: "10.244.1.5", prefixLength: 32, gateway: "10.244.1.1" },
      ],
      gatewayMac: "0a:58:00:00:00:01",
      wantsDefault: undefined,
    },
    mtu: 1450,
  });
});

test("planPodNetwork() gives two IPv6 pods with the same low bits different MACs: both live on one bridge after a new PodCIDR", () => {
  const mac = (address: string): string =>
    planPodNetwork({
      network: "causeway",
      containerId: "c1",
      ifname: "eth0",
      mtu: 1500,
      addresses: [{ family: 6, address, gateway: "fd00::1" }],
    }).pod.mac;
  assert.notEqual(mac("fd00:1::5"), mac("fd00:2::5"));
});
