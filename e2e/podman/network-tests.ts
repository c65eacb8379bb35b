import assert from "node:assert/strict";
import { askMirror, MIRROR_PORT, startMirror } from "../lib/mirror.ts";
import { findTool, GATEWAYS, POD_CIDRS } from "../libcni/node-lab.ts";
import { ping } from "../lib/netns.ts";
import { assertEnded, assertRefused, type PodmanLab, startContainer, testInLab } from "./podman-lab.ts";

/** What a container gets, and whom it reaches. */
export function testNetwork(getLab: () => PodmanLab): void {
  testInLab("podman is one with CNI, and knows the network of the agent's conflist", getLab, async (lab) => {
    const { node, podman } = lab;
    assert.match(await podman.run(["--version"]), /version 4\./);
    await node.agent();
    const info = JSON.parse(await podman.run(["info", "--format", "json"])) as {
      host: { networkBackend: string; ociRuntime: { name: string } };
    };
    assert.deepEqual([info.host.networkBackend, info.host.ociRuntime.name], ["cni", "runc"]);
    const networks = (await podman.run(["network", "ls", "--format", "{{.Name}} {{.Driver}}"])).split("\n");
    assert.ok(networks.includes("causeway causeway"), networks.join());
  });

  testInLab("a container has the addresses of both families that podman tells", getLab, async (lab) => {
    const container = await startContainer(lab, "one");
    const global = (await container.view.addresses("eth0")).filter(({ scope }) => scope === "global");
    assert.deepEqual(
      global.map(({ local, prefixlen }) => [local, prefixlen]),
      [
        [container.addresses[0], 32],
        [container.addresses[1], 128],
      ],
    );
    assert.match(container.addresses[0], /^10\.244\.7\.\d+$/);
    assert.match(container.addresses[1], /^fd00:10:244:7::[0-9a-f]+$/);
    assert.deepEqual(container.gateways, GATEWAYS);
    const link = (await container.view.links()).find(({ ifname }) => ifname === "eth0");
    assert.deepEqual([link?.address, link?.mtu], [container.mac, lab.node.network.podMtu]);
  });

  testInLab("a container pings the gateway, another container and the world outside", getLab, async (lab) => {
    const { node, podman } = lab;
    const one = await startContainer(lab, "one");
    const two = await startContainer(lab, "two");
    for (const target of [...GATEWAYS, ...two.addresses, ...node.network.outsideAddresses]) {
      assertEnded(await podman.observe(["exec", one.name, "ping", "-c", "1", "-W", "2", target]));
    }
    for (const target of one.addresses) {
      await ping(two.enter, target);
      await ping(node.network.node.enter, target);
    }
  });

  testInLab("--ip and --mac-address are honoured, as CNI_ARGS", getLab, async (lab) => {
    const options = ["--ip", "10.244.7.99", "--mac-address", "02:00:5e:10:00:99"];
    const container = await startContainer(lab, "static", options);
    assert.equal(container.addresses[0], "10.244.7.99");
    assert.equal(container.mac, "02:00:5e:10:00:99");
    const link = (await container.view.links()).find(({ ifname }) => ifname === "eth0");
    assert.equal(link?.address, "02:00:5e:10:00:99");
    const given = (await container.view.addresses("eth0")).map(({ local }) => local);
    for (const address of container.addresses) assert.ok(given.includes(address), given.join());
    for (const gateway of GATEWAYS) await ping(container.enter, gateway);
    for (const address of container.addresses) await ping(lab.node.network.node.enter, address);
  });

  testInLab("--ip and --ip6 are honoured together, as capability ips", getLab, async (lab) => {
    const addresses = ["10.244.7.98", "fd00:10:244:7::98"] as const;
    const options = ["--ip", addresses[0], "--ip6", addresses[1]];
    const container = await startContainer(lab, "static", options);
    assert.deepEqual(container.addresses, addresses);
    for (const gateway of GATEWAYS) await ping(container.enter, gateway);
  });

  testInLab("--publish leads a port of the node to the container", getLab, async (lab) => {
    const { network, folder } = lab.node;
    const busybox = findTool("packages/busybox/bin/busybox");
    const container = await startContainer(lab, "web", ["--publish", `8080:${MIRROR_PORT}`]);
    const server = await startMirror("mirror-web", container.enter, folder);
    const seen = await askMirror(busybox, network.outside.enter, network.nodeAddresses[0] ?? "", 8080);
    await server.stop();
    assert.equal(seen, network.routerAddresses[0]);
  });

  testInLab(
    "--ip outside of the PodCIDR, or of another container, is refused with the reason",
    getLab,
    async (lab) => {
      const { podman } = lab;
      assertRefused(await podman.start("outside", ["--ip", "192.168.9.9"]), "192.168.9.9", POD_CIDRS[0]);
      const one = await startContainer(lab, "one");
      assertRefused(await podman.start("taken", ["--ip", one.addresses[0]]), one.addresses[0], "another pod");
      for (const gateway of GATEWAYS) await ping(one.enter, gateway);
    },
  );
}
