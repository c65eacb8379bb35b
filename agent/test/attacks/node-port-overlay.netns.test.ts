/**
 * What a service of the node leads through the overlay is masqueraded by whoever serves it, and for that the
 * kernel takes an address of the device, or any of the node: on a node with a virtual address it took that,
 * which the guards of other nodes drop.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { eventually } from "../../testing/machine/eventually.ts";
import { runOnHost, host } from "../../testing/machine/netns.ts";
import { makeOverlayLab, type OverlayLab } from "../../testing/machine/overlay-lab.ts";

let lab: OverlayLab;
const PORT = 8080;

before(async () => {
  // The kernel looks at the loopback first.
  await host("ip address add 198.18.0.1/32 dev lo; ip -6 address add 2001:db8:77::1/128 dev lo");
  lab = await makeOverlayLab();
  await runOnHost("sysctl", "-qw", "net.ipv4.conf.up1.forwarding=1");
  // As kube-proxy does it for a NodePort.
  await runOnHost(
    "nft",
    `table inet node-port {
      chain prerouting {
        type nat hook prerouting priority dstnat
        udp dport 30083 dnat ip to 10.244.3.5:${PORT}
        udp dport 30083 dnat ip6 to [fd00:3::5]:${PORT}
        udp dport 30084 dnat ip to 10.244.4.5:${PORT}
        udp dport 30084 dnat ip6 to [fd00:4::5]:${PORT}
      }
      chain postrouting {
        type nat hook postrouting priority srcnat
        ct status dnat masquerade fully-random
      }
    }`,
  );
  await lab.far.run(
    "nft",
    `table inet asked {
      set from4 {
        type ipv4_addr . ipv4_addr
        flags dynamic
        size 100
      }
      set from6 {
        type ipv6_addr . ipv6_addr
        flags dynamic
        size 100
      }
      chain arriving {
        type filter hook prerouting priority -400
        udp dport ${PORT} add @from4 { ip saddr . ip daddr }
        udp dport ${PORT} add @from6 { ip6 saddr . ip6 daddr }
      }
    }`,
  );
});

after(async () => {
  await lab.remove();
  await runOnHost(
    "sh",
    "-c",
    "ip address del 198.18.0.1/32 dev lo; ip -6 address del 2001:db8:77::1/128 dev lo; true",
  );
});

for (const { outer, port, pods } of [
  { outer: 4, port: 30083, pods: { 4: "10.244.3.5", 6: "fd00:3::5" } },
  { outer: 6, port: 30084, pods: { 4: "10.244.4.5", 6: "fd00:4::5" } },
] as const) {
  for (const { family, node, gateway } of [
    { family: 4, node: "198.51.100.10", gateway: "10.244.1.1" },
    { family: 6, node: "2001:db8:5::10", gateway: "fd00:1::1" },
  ] as const) {
    test(`a NodePort leads to a pod behind the overlay under an address that nodes take: IPv${family} in IPv${outer}`, async () => {
      const script = new URL("../../testing/packets/send-datagram.ts", import.meta.url);
      await lab.side.call(script, "any", node, String(port), "00");
      const asked = async (): Promise<string> =>
        lab.far.run("nft", "list", "set", "inet", "asked", `from${family}`);
      const pair = new RegExp(`([0-9a-f.:]+) \\. ${pods[family]}\\b`);
      await eventually("the pod's node gets the packet", async () => pair.test(await asked()), asked);
      assert.equal(pair.exec(await asked())?.[1], gateway);
    });
  }
}

test("addresses of a VXLAN device that somebody takes or adds are put right", async () => {
  const state = (): Promise<string> =>
    runOnHost("sh", "-c", "ip -o address show dev cw-vx | awk '{print $4}' | sort");
  const whole = await state();
  assert.equal(whole, "10.244.1.1/32\nfd00:1::1/128\n");
  await host("ip address flush dev cw-vx; ip address add 10.9.9.9/32 dev cw-vx");
  await eventually("the addresses are right again", async () => (await state()) === whole, state);
});
