import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../lib/command.ts";
import { ping } from "../lib/netns.ts";
import { addPod, assertFailure, assertSuccess, type CniLab, describePod, testInLab } from "./cni-lab.ts";
import { waitUntilHolds } from "../lib/wait-for.ts";
import { writeConflist } from "./conflists.ts";
import type { CniResult } from "./libcni.ts";
import { GATEWAYS, type NodeLab, POD_CIDRS } from "./node-lab.ts";
import type { Sandbox } from "./sandboxes.ts";

const REFERENCE_BRIDGE = "ref0";
const REFERENCE_SUBNETS = ["10.88.0.0/24", "fd00:88::/64"] as const;
const REFERENCE_GATEWAYS = ["10.88.0.1", "fd00:88::1"] as const;
/** Of another node. */
const PEER = { name: "node-b", addresses: ["192.0.2.1", "2001:db8:2::1"], podCIDRs: ["10.244.9.0/24"] };

/** A conflist of the reference bridge plugin, with the pod's default routes or without. */
function writeReference({ folder }: NodeLab, isDefaultGateway: boolean): string {
  const path = join(folder, `reference-${isDefaultGateway}.conflist`);
  const ipam = {
    type: "host-local",
    dataDir: join(folder, "host-local"),
    ranges: REFERENCE_SUBNETS.map((subnet) => [{ subnet }]),
  };
  const plugin = { type: "bridge", bridge: REFERENCE_BRIDGE, isGateway: true, isDefaultGateway, ipam };
  writeFileSync(path, JSON.stringify({ cniVersion: "1.1.0", name: "reference", plugins: [plugin] }));
  return path;
}

/** Our plugin as a network of its own, for one that has ours already. */
function writeSecond(lab: NodeLab, plugin: Readonly<Record<string, unknown>> = {}): string {
  return writeConflist(lab, "second", { name: "second", plugin });
}

/** One network of a pod. */
interface Attached {
  readonly conflist: string;
  readonly ifname: string;
  readonly pod: Sandbox;
}

/** A test whose networks are taken off again, and with them what the reference plugin leaves. */
function testNetworks(
  name: string,
  getLab: () => CniLab,
  body: (
    lab: CniLab,
    attach: (pod: Sandbox, ifname: string, conflist: string) => Promise<CniResult>,
  ) => Promise<void>,
): void {
  testInLab(name, getLab, async (lab) => {
    const attached: Attached[] = [];
    try {
      await body(lab, async (pod, ifname, conflist) => {
        attached.push({ pod, ifname, conflist });
        const { result, error } = await lab.libcni.add({ conflist, pod, ifname });
        assert.equal(error?.text, undefined);
        assert.ok(result !== undefined);
        return result;
      });
    } finally {
      for (const call of attached.toReversed()) assertSuccess(await lab.libcni.del(call));
      const links = await lab.node.view.links();
      if (links.some(({ ifname }) => ifname === REFERENCE_BRIDGE))
        await runCommand(["ip", "-n", lab.node.network.node.name, "link", "del", REFERENCE_BRIDGE]);
    }
  });
}

/** Lets the world outside reach the PodCIDRs while `body` runs. */
async function withRoutesFromOutside({ network }: NodeLab, body: () => Promise<void>): Promise<void> {
  const change = (verb: string): Promise<unknown> => {
    const lines = POD_CIDRS.map((cidr, index) => `route ${verb} ${cidr} via ${network.nodeAddresses[index]}`);
    return runCommand(["ip", "-n", network.outside.name, "-batch", "-"], { input: `${lines.join("\n")}\n` });
  };
  await change("add");
  try {
    await body();
  } finally {
    await change("del");
  }
}

/** The nodes file has another node from now on, which the agent knows when this resolves. */
async function knowPeer(node: NodeLab): Promise<void> {
  node.setPeers([PEER]);
  const agent = await node.agent();
  const check = async (): Promise<void> => assert.equal(await agent.metric("causeway_peer_pod_cidrs"), 1);
  await waitUntilHolds("the agent knows the other node", check, { timeoutMs: 10_000 });
}

/** libcni leaves an empty list out. */
const destinations = ({ routes = [] }: Partial<CniResult>): readonly string[] =>
  routes.map(({ dst }) => dst).toSorted();

/** The link by which a pod sends to an address. */
async function linkTo(pod: Sandbox, address: string, source?: string): Promise<string | undefined> {
  const from = source === undefined ? [] : ["from", source];
  const text = await runCommand(["ip", "-n", pod.name, "-json", "route", "get", address, ...from]);
  return (JSON.parse(text) as { dev: string }[])[0]?.dev;
}

/** Two networks of one pod, as Multus makes them, in every order. */
export function testSecondNetworks(getLab: () => CniLab): void {
  testNetworks(
    "behind another plugin's default route, ours has the cluster's PodCIDRs and answers where it was asked",
    getLab,
    async (lab, attach) => {
      const { node, libcni, sandboxes } = lab;
      await knowPeer(node);
      const other = await addPod(lab);
      const pod = await sandboxes.create();
      const reference = writeReference(node, true);
      await attach(pod, "eth0", reference);
      const result = await attach(pod, "net1", node.conflist);
      assert.deepEqual(destinations(result), [...POD_CIDRS, ...PEER.podCIDRs].toSorted());
      const { addresses } = describePod(pod, result, "net1");
      for (const [index, address] of addresses.entries()) {
        const peer = other.addresses[index] ?? "";
        assert.equal(await linkTo(pod, peer), "net1");
        await ping(pod.enter, peer);
        await ping(other.enter, address);
        const world = node.network.outsideAddresses[index] ?? "";
        assert.equal(await linkTo(pod, world), "eth0");
        assert.equal(await linkTo(pod, world, address), "net1");
      }
      assert.equal(await linkTo(pod, "10.244.9.5"), "net1");
      await withRoutesFromOutside(node, async () => {
        for (const address of addresses) await ping(node.network.outside.enter, address);
      });
      const call = { conflist: node.conflist, pod, ifname: "net1" };
      assertSuccess(await libcni.check(call));
      await node.stopAgent();
      await node.agent();
      assertSuccess(await libcni.check(call));
      assertSuccess(await libcni.check({ conflist: reference, pod, ifname: "eth0" }));
      assertSuccess(await libcni.del({ conflist: reference, pod, ifname: "eth0" }));
      assertSuccess(await libcni.check(call));
      node.setPeers([]);
    },
  );

  for (const { name, damage, fault } of [
    { name: "a route to a PodCIDR", damage: `route del ${POD_CIDRS[0]}`, fault: POD_CIDRS[0] },
    { name: "the rule", damage: "rule del pref 25463", fault: "rule" },
    { name: "the rule of IPv6", damage: "-6 rule del pref 25463", fault: "rule" },
    { name: "what the rule leads to", damage: "route flush table TABLE", fault: "table" },
  ]) {
    testNetworks(
      `CHECK of a second network tells that ${name} is missing, and nothing else`,
      getLab,
      async (lab, attach) => {
        const { node, libcni, sandboxes } = lab;
        const pod = await sandboxes.create();
        await attach(pod, "eth0", writeReference(node, true));
        await attach(pod, "net1", node.conflist);
        const rules = await runCommand(["ip", "-n", pod.name, "-json", "rule", "show", "pref", "25463"]);
        const [{ table }] = JSON.parse(rules) as [{ table: string }];
        const command = damage.replace("TABLE", table).split(" ");
        await runCommand(["ip", "-n", pod.name, ...command]);
        const { msg } = assertFailure(
          await libcni.check({ conflist: node.conflist, pod, ifname: "net1" }),
          102,
          fault,
        );
        assert.ok(!msg.includes(";"), msg);
      },
    );
  }

  testNetworks(
    "another plugin's network beside ours: both are whole, each also without the other",
    getLab,
    async (lab, attach) => {
      const { node, libcni, sandboxes } = lab;
      const reference = writeReference(node, false);
      for (const first of ["eth0", "net1"]) {
        const pod = await sandboxes.create();
        const result = await attach(pod, "eth0", node.conflist);
        assert.deepEqual(destinations(result), ["0.0.0.0/0", "::/0"]);
        await attach(pod, "net1", reference);
        const calls = [
          { conflist: node.conflist, pod, ifname: "eth0" },
          { conflist: reference, pod, ifname: "net1" },
        ].toSorted((a) => (a.ifname === first ? -1 : 1));
        for (const gateway of [...GATEWAYS, ...REFERENCE_GATEWAYS]) await ping(pod.enter, gateway);
        for (const call of calls) assertSuccess(await libcni.check(call));
        const [gone, left] = calls;
        assert.ok(gone !== undefined && left !== undefined);
        assertSuccess(await libcni.del(gone));
        assertSuccess(await libcni.check(left));
        for (const gateway of left.ifname === "eth0" ? GATEWAYS : REFERENCE_GATEWAYS)
          await ping(pod.enter, gateway);
        assertSuccess(await libcni.del(left));
      }
    },
  );

  testNetworks(
    "ours twice in one pod: both interfaces answer, and each is whole without the other",
    getLab,
    async (lab, attach) => {
      const { node, libcni, sandboxes } = lab;
      const second = writeSecond(node);
      const other = await addPod(lab);
      for (const gone of ["eth0", "net1"]) {
        const pod = await sandboxes.create();
        const calls = [
          { conflist: node.conflist, pod, ifname: "eth0" },
          { conflist: second, pod, ifname: "net1" },
        ];
        const addresses = new Map<string, readonly string[]>();
        for (const { conflist, ifname } of calls) {
          const result = await attach(pod, ifname, conflist);
          assert.deepEqual(destinations(result), ifname === "eth0" ? ["0.0.0.0/0", "::/0"] : []);
          addresses.set(ifname, describePod(pod, result, ifname).addresses);
        }
        for (const call of calls) assertSuccess(await libcni.check(call));
        for (const address of [...addresses.values()].flat()) await ping(other.enter, address);
        for (const call of calls) {
          if (call.ifname === gone) assertSuccess(await libcni.del(call));
        }
        for (const call of calls) {
          if (call.ifname === gone) continue;
          assertSuccess(await libcni.check(call));
          for (const address of addresses.get(call.ifname) ?? []) await ping(other.enter, address);
        }
      }
    },
  );

  testDefaultRouteKey(getLab);
}

function testDefaultRouteKey(getLab: () => CniLab): void {
  testNetworks(
    '"defaultRoute": true goes before another default route, and leaves it to the pod when it goes',
    getLab,
    async (lab, attach) => {
      const { node, libcni, sandboxes } = lab;
      for (const first of [writeReference(node, true), node.conflist]) {
        const second = writeSecond(node, { defaultRoute: true });
        const other = await addPod(lab);
        const pod = await sandboxes.create();
        const own = await attach(pod, "eth0", first);
        const result = await attach(pod, "net1", second);
        assert.deepEqual(destinations(result), ["0.0.0.0/0", "::/0"]);
        const call = { conflist: second, pod, ifname: "net1" };
        assertSuccess(await libcni.check(call));
        assertSuccess(await libcni.check({ conflist: first, pod, ifname: "eth0" }));
        for (const world of node.network.outsideAddresses) {
          assert.equal(await linkTo(pod, world), "net1");
          await ping(pod.enter, world);
        }
        for (const address of describePod(pod, result, "net1").addresses) await ping(other.enter, address);
        // An interface of ours answers even though another one has the default route now.
        if (first === node.conflist)
          for (const address of describePod(pod, own).addresses) await ping(other.enter, address);
        assertSuccess(await libcni.del(call));
        assertSuccess(await libcni.check({ conflist: first, pod, ifname: "eth0" }));
        for (const world of node.network.outsideAddresses) assert.equal(await linkTo(pod, world), "eth0");
      }
    },
  );

  testNetworks(
    '"defaultRoute": false makes none, whichever interface comes first',
    getLab,
    async (lab, attach) => {
      const { node, libcni, sandboxes } = lab;
      const without = writeSecond(node, { defaultRoute: false });
      const other = await addPod(lab);
      const pod = await sandboxes.create();
      const result = await attach(pod, "eth0", without);
      assert.deepEqual(destinations(result), [...POD_CIDRS].toSorted());
      for (const address of other.addresses) await ping(pod.enter, address);
      const reference = writeReference(node, true);
      await attach(pod, "net1", reference);
      for (const world of node.network.outsideAddresses) assert.equal(await linkTo(pod, world), "net1");
      for (const address of describePod(pod, result).addresses) await ping(other.enter, address);
      assertSuccess(await libcni.check({ conflist: without, pod, ifname: "eth0" }));
      assertSuccess(await libcni.check({ conflist: reference, pod, ifname: "net1" }));
    },
  );

  testInLab(
    '"defaultRoute" that is neither true nor false is refused with key and value',
    getLab,
    async (lab) => {
      const { node, libcni, sandboxes } = lab;
      const conflist = writeSecond(node, { defaultRoute: "yes" });
      const pod = await sandboxes.create();
      assertFailure(await libcni.add({ conflist, pod }), 7, 'defaultRoute "yes"', "true or false");
      assertSuccess(await libcni.del({ conflist, pod }));
    },
  );
}
