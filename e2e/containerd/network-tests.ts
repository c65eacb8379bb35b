import assert from "node:assert/strict";
import { test } from "node:test";
import { runCommand } from "../lib/command.ts";
import { askMirror, MIRROR_PORT, startMirror } from "../lib/mirror.ts";
import { ping } from "../lib/netns.ts";
import { BUSYBOX_IMAGE, GATEWAYS, type PodLab } from "./pod-lab.ts";
import type { Pod } from "./pods.ts";

/** What a pod gets, and whom it reaches under which address. */
export function testNetwork(getLab: () => PodLab): void {
  test("the sandbox status tells the addresses that the kernel has, IPv4 first", async (t) => {
    const pod = await runOne(t, getLab());
    const global = (await pod.view.addresses("eth0")).filter(({ scope }) => scope === "global");
    assert.deepEqual(
      global.map(({ family, local, prefixlen, tentative = false }) => ({
        family,
        local,
        prefixlen,
        tentative,
      })),
      [
        { family: "inet", local: pod.status.ips[0], prefixlen: 32, tentative: false },
        { family: "inet6", local: pod.status.ips[1], prefixlen: 128, tentative: false },
      ],
    );
    assert.match(pod.status.ips[0] ?? "", /^10\.244\.7\.\d+$/);
    assert.match(pod.status.ips[1] ?? "", /^fd00:10:244:7::[0-9a-f]+$/);
  });

  test("a pod's routes lead through the gateway, which it knows without asking", async (t) => {
    const pod = await runOne(t, getLab());
    for (const [index, family] of ([4, 6] as const).entries()) {
      const gateway = GATEWAYS[index];
      const routes = (await pod.view.routes(family)).filter(({ dst }) => !/^(fe80|ff00|multicast)/.test(dst));
      const toGateway = routes.find(({ dst }) => dst === gateway);
      const byDefault = routes.find(({ dst }) => dst === "default");
      assert.deepEqual(
        { dev: toGateway?.dev, gateway: toGateway?.gateway },
        { dev: "eth0", gateway: undefined },
      );
      assert.deepEqual({ dev: byDefault?.dev, gateway: byDefault?.gateway }, { dev: "eth0", gateway });
      // The kernel adds the route of an IPv6 address itself.
      const own = pod.status.ips[index];
      assert.deepEqual(
        routes.filter((route) => ![toGateway, byDefault].includes(route) && route.dst !== own),
        [],
      );
    }
    const bridge = (await getLab().nodeView.links()).find(({ ifname }) => ifname === "cw0");
    const known = await pod.view.neighbours("eth0");
    for (const gateway of GATEWAYS) {
      const entry = known.find(({ dst }) => dst === gateway);
      assert.deepEqual(
        { lladdr: entry?.lladdr, state: entry?.state },
        { lladdr: bridge?.address, state: ["PERMANENT"] },
      );
    }
  });

  test("a pod's link has the uplink's MTU less what the overlay adds, and its host end is a bridge port that floods nothing, with our alias", async (t) => {
    const lab = getLab();
    const pod = await runOne(t, lab);
    const inside = (await pod.view.links()).find(({ ifname }) => ifname === "eth0");
    assert.equal(inside?.mtu, lab.network.podMtu);
    assert.ok(inside?.flags.includes("LOWER_UP"));
    const outer = (await lab.nodeView.links()).find(({ ifalias }) => ifalias?.includes(pod.id) === true);
    assert.match(outer?.ifname ?? "", /^cw[a-z2-7]{13}$/);
    const { hairpin, flood, mcast_flood, bcast_flood } = outer?.linkinfo?.info_slave_data ?? {};
    assert.deepEqual(
      { master: outer?.master, mtu: outer?.mtu, hairpin, flood, mcast_flood, bcast_flood },
      {
        master: "cw0",
        mtu: lab.network.podMtu,
        hairpin: true,
        flood: false,
        mcast_flood: false,
        bcast_flood: false,
      },
    );
  });

  // The kernel lets a bridge's MTU follow its ports, and fall back to 1500 without any, unless it was changed
  // after creation.
  test("the bridge keeps the uplink's MTU when its last pod has gone", async (t) => {
    const lab = getLab();
    const bridgeMtu = async (): Promise<number | undefined> => {
      return (await lab.nodeView.links()).find(({ ifname }) => ifname === "cw0")?.mtu;
    };
    const { id } = await runOne(t, lab);
    assert.equal(await bridgeMtu(), lab.network.podMtu);
    await lab.pods.remove(id);
    assert.equal(await bridgeMtu(), lab.network.podMtu);
  });

  test("lo is up in a pod, and answers on both families", async (t) => {
    const pod = await runOne(t, getLab());
    const lo = (await pod.view.links()).find(({ ifname }) => ifname === "lo");
    assert.ok(lo?.flags.includes("UP"));
    for (const address of ["127.0.0.1", "::1"]) await ping(pod.enter, address);
  });

  test("two pods, the gateway and the world outside answer a pod's ping on both families", async (t) => {
    const lab = getLab();
    const [one, two] = await runTwo(t, lab);
    for (const index of [0, 1] as const) {
      const targets = [two.status.ips[index], GATEWAYS[index], lab.network.outsideAddresses[index]];
      for (const target of targets) await ping(one.enter, target ?? "");
      await ping(two.enter, one.status.ips[index] ?? "");
      await ping(lab.network.node.enter, one.status.ips[index] ?? "");
    }
  });

  test("the world outside sees the node's address, another pod sees the pod's own", async (t) => {
    const lab = getLab();
    const [one, two] = await runTwo(t, lab);
    const outside = await startMirror("mirror-outside", lab.network.outside.enter, lab.folder);
    t.after(() => outside.stop());
    const inPod = await startMirror("mirror-pod", two.enter, lab.folder);
    t.after(() => inPod.stop());
    for (const index of [0, 1] as const) {
      const ask = (address = ""): Promise<string> => askMirror(lab.busybox, one.enter, address);
      assert.equal(await ask(lab.network.outsideAddresses[index]), lab.network.nodeAddresses[index]);
      assert.equal(await ask(two.status.ips[index]), one.status.ips[index]);
    }
  });

  test("a container in the pod has the pod's network", async (t) => {
    const lab = getLab();
    const [one, two] = await runTwo(t, lab);
    const { cri } = lab.containerd;
    const container = await cri.runContainer(one.id, one.input, BUSYBOX_IMAGE);
    for (const target of [...two.status.ips, ...GATEWAYS, ...lab.network.outsideAddresses]) {
      const { code, output } = await cri.execute(container, ["ping", "-c", "1", "-W", "2", target]);
      assert.equal(code, 0, output);
    }
  });
}

/** What a kubelet gives the runtime for hostPort and for the bandwidth annotations of a pod. */
export function testSettings(getLab: () => PodLab): void {
  test("port_mappings of CRI lead to the pod from outside and through 127.0.0.1, and end with it", async (t) => {
    const lab = getLab();
    t.after(lab.pods.removeAll);
    await lab.agents.ready();
    const { outside, node } = lab.network;
    const portMappings = [
      { protocol: "TCP", container_port: MIRROR_PORT, host_port: 8080 },
      { protocol: "UDP", container_port: 53, host_port: 8053, host_ip: lab.network.nodeAddresses[0] ?? "" },
    ] as const;
    const pod = await lab.pods.run("web", { portMappings });
    const server = await startMirror("mirror-web", pod.enter, lab.folder);
    t.after(() => server.stop());
    for (const [index, address] of lab.network.nodeAddresses.entries()) {
      const seen = await askMirror(lab.busybox, outside.enter, address, 8080);
      assert.equal(seen, lab.network.routerAddresses[index]);
    }
    assert.equal(await askMirror(lab.busybox, node.enter, "127.0.0.1", 8080), GATEWAYS[0]);
    const refused = lab.pods.run("late", { portMappings: [{ ...portMappings[1], host_ip: "" }] });
    await assert.rejects(
      refused,
      /Cannot reserve host port udp \S+:8053: it is in use by pod "[a-z0-9.-]+\/[a-z0-9.-]+"/,
    );
    await lab.pods.remove(pod.id);
    const table = await runCommand([...node.enter, "nft", "list", "table", "inet", "causeway"]);
    assert.ok(!table.includes(pod.id.slice(0, 32)), table);
  });

  test("the bandwidth annotations limit the pod in both directions, and end with it", async (t) => {
    const lab = getLab();
    t.after(lab.pods.removeAll);
    await lab.agents.ready();
    const annotations = {
      "kubernetes.io/ingress-bandwidth": "3M",
      "kubernetes.io/egress-bandwidth": "5M",
    };
    const pod = await lab.pods.run("slow", { annotations });
    const queues = (): Promise<string> => runCommand([...lab.network.node.enter, "tc", "qdisc", "show"]);
    assert.match(await queues(), /tbf \S+ dev cw\w{13} root refcnt \d+ rate 3Mbit/);
    assert.match(await queues(), /tbf \S+ dev ci\w{13} root refcnt \d+ rate 5Mbit/);
    await lab.pods.remove(pod.id);
    assert.doesNotMatch(await queues(), /tbf/);
    const links = await lab.nodeView.links();
    assert.ok(!links.some(({ ifname }) => ifname.startsWith("ci")));
  });
}

interface TestScope {
  after(cleanUp: () => Promise<void>): void;
}

async function runOne(t: TestScope, lab: PodLab): Promise<Pod> {
  t.after(lab.pods.removeAll);
  await lab.agents.ready();
  return lab.pods.run("one");
}

async function runTwo(t: TestScope, lab: PodLab): Promise<readonly [Pod, Pod]> {
  const one = await runOne(t, lab);
  return [one, await lab.pods.run("two")];
}
