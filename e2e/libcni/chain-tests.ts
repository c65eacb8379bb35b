import assert from "node:assert/strict";
import { runCommand } from "../lib/command.ts";
import { askMirror, startMirror } from "../lib/mirror.ts";
import { ping } from "../lib/netns.ts";
import {
  addPod,
  assertFailure,
  assertSuccess,
  type CniLab,
  describePod,
  type Pod,
  testInLab,
} from "./cni-lab.ts";
import { writeConflist } from "./conflists.ts";
import { type CniAnswer, createLibcni } from "./libcni.ts";
import { findTool, GATEWAYS } from "./node-lab.ts";

/** The mirror's port in the pod, and the one on the node that `portmap` leads to it. */
const PORT = 7777;

interface ReferencePlugins {
  readonly name: string;
  readonly folder: string;
  /** The newest that they speak. */
  readonly cniVersion: string;
  /** What `portmap` writes its rules with. */
  readonly portmap: Readonly<Record<string, string>>;
  /** What `portmap` says to a CHECK of a pod that is as it should be. */
  readonly portmapCheck: RegExp | undefined;
}

/** The reference plugins in one chain with ours. */
export function testChains(getLab: () => CniLab): void {
  const references: readonly ReferencePlugins[] = [
    {
      name: "Debian 12's",
      folder: "packages/cni-plugins/usr/lib/cni",
      cniVersion: "1.0.0",
      portmap: {},
      // It looks for the rules of IPv4 in the table of IPv6 too: no pod of both families passes.
      portmapCheck: /^could not check ipv6 dnat/,
    },
    {
      name: "the newest",
      folder: "packages/cni-plugins-newest/usr/lib/cni",
      cniVersion: "1.1.0",
      portmap: { backend: "nftables" },
      portmapCheck: undefined,
    },
  ];
  for (const reference of references) {
    testInLab(`${reference.name} tuning and portmap work behind us: ADD, CHECK, DEL`, getLab, async (lab) => {
      const chain = prepareChain(lab, reference);
      const pod = await addPod(chain.lab, chain.call);
      assert.equal(pod.result.cniVersion, reference.cniVersion);
      await assertTuned(pod);
      await assertMapped(lab, pod);
      assertChecked(await chain.lab.libcni.check({ ...chain.call, pod }), reference);
      assertSuccess(await chain.lab.libcni.del({ ...chain.call, pod }));
      await assertUnmapped(lab, pod);
    });

    testInLab(
      `CHECK of a chain with ${reference.name} plugins tells whose part is damaged`,
      getLab,
      async (lab) => {
        const chain = prepareChain(lab, reference);
        const pod = await addPod(chain.lab, chain.call);
        const call = { ...chain.call, pod };
        const somaxconn = [...pod.enter, "sysctl", "--quiet", "--write"];
        await runCommand([...somaxconn, "net.core.somaxconn=999"]);
        const theirs = await chain.lab.libcni.check(call);
        assert.match(theirs.error?.text ?? "", /somaxconn/);
        await runCommand([...somaxconn, "net.core.somaxconn=512"]);
        assertChecked(await chain.lab.libcni.check(call), reference);
        await runCommand(["ip", "-n", pod.name, "addr", "del", `${pod.addresses[0]}/32`, "dev", "eth0"]);
        assertFailure(await chain.lab.libcni.check(call), 102, pod.addresses[0] ?? "");
        assertSuccess(await chain.lab.libcni.del(call));
      },
    );
  }

  testInLab(
    "GC goes through a chain: ours of what is not in the list, with libcni's DELs the others' too",
    getLab,
    async (lab) => {
      const [, newest] = references;
      assert.ok(newest !== undefined);
      const chain = prepareChain(lab, newest);
      const kept = await addPod(chain.lab, { ...chain.call, capabilityArgs: {} });
      const obsolete = await addPod(chain.lab, chain.call);
      const valid = [{ containerID: kept.id, ifname: "eth0" }];
      assertSuccess(await chain.lab.libcni.gc({ conflist: chain.call.conflist, valid, cache: "kept" }));
      await assertUnmapped(lab, obsolete);
      assert.deepEqual(
        (await obsolete.view.links()).map(({ ifname }) => ifname),
        ["lo"],
      );
      assertSuccess(await chain.lab.libcni.check({ ...chain.call, capabilityArgs: {}, pod: kept }));
      assertSuccess(await chain.lab.libcni.del({ ...chain.call, capabilityArgs: {}, pod: kept }));
    },
  );

  testInLab("STATUS and VERSION go through a chain", getLab, async (lab) => {
    const [, newest] = references;
    assert.ok(newest !== undefined);
    const chain = prepareChain(lab, newest);
    assertSuccess(await lab.libcni.status(chain.call.conflist));
    assertSuccess(await lab.libcni.validate(chain.call.conflist));
    await lab.node.stopAgent();
    assertFailure(await lab.libcni.status(chain.call.conflist), 50, lab.node.socket);
  });

  testInLab("tuning may change the MTU behind us: CHECK of the chain succeeds", getLab, async (lab) => {
    const after = [{ type: "tuning", mtu: 1380 }];
    const conflist = writeConflist(lab.node, "tuned-mtu", { cniVersion: "1.1.0", after });
    const pod = await addPod(lab, { conflist });
    const link = (await pod.view.links()).find(({ ifname }) => ifname === "eth0");
    assert.equal(link?.mtu, 1380);
    assertSuccess(await lab.libcni.check({ conflist, pod }));
  });

  // loopback names its interface "lo" whatever CNI_IFNAME is: the one interface plugin of the reference set
  // that can come before another.
  for (const cniVersion of ["0.4.0", "1.0.0", "1.1.0"]) {
    testInLab(
      `the reference loopback before us keeps its part of the result, in version ${cniVersion}`,
      getLab,
      async (lab) => {
        const { node, libcni, sandboxes } = lab;
        const before = [{ type: "loopback" }];
        const conflist = writeConflist(node, `behind-${cniVersion}`, { cniVersion, before });
        const sandbox = await sandboxes.create();
        const { result, error } = await libcni.add({ conflist, pod: sandbox });
        assert.equal(error?.text, undefined);
        assert.ok(result !== undefined);
        const pod = describePod(sandbox, result);
        assert.deepEqual(
          result.interfaces.map(({ name }) => name),
          ["lo", "cw0", pod.hostLink, "eth0"],
        );
        const nameOf = (index = -1): string | undefined => result.interfaces[index]?.name;
        assert.deepEqual(
          result.ips.map((ip) => [nameOf(ip.interface), ip.address]),
          [
            ["lo", "127.0.0.1/8"],
            ["lo", "::1/128"],
            ["eth0", `${pod.addresses[0]}/32`],
            ["eth0", `${pod.addresses[1]}/128`],
          ],
        );
        assert.deepEqual(
          result.routes.map(({ dst, gw }) => [dst, gw]),
          [
            ["0.0.0.0/0", GATEWAYS[0]],
            ["::/0", GATEWAYS[1]],
          ],
        );
        for (const gateway of GATEWAYS) await ping(pod.enter, gateway);
        assertSuccess(await libcni.check({ conflist, pod }));
        await runCommand(["ip", "-n", pod.name, "link", "set", "eth0", "down"]);
        assertFailure(await libcni.check({ conflist, pod }), 102, "eth0", "down");
        assertSuccess(await libcni.del({ conflist, pod }));
        assertSuccess(await libcni.del({ conflist, pod }));
      },
    );
  }
}

function prepareChain(
  lab: CniLab,
  { folder, cniVersion, portmap }: ReferencePlugins,
): {
  readonly lab: CniLab;
  readonly call: { conflist: string; capabilityArgs: Readonly<Record<string, unknown>> };
} {
  const after = [
    { type: "tuning", sysctl: { "net.core.somaxconn": "512" }, promisc: true, allmulti: true },
    { type: "portmap", capabilities: { portMappings: true }, snat: true, ...portmap },
  ];
  // Host ports are portmap's here.
  const plugin = { capabilities: {} };
  const conflist = writeConflist(lab.node, `chain-${cniVersion}`, { cniVersion, after, plugin });
  const portMappings = [{ hostPort: PORT, containerPort: PORT, protocol: "tcp" }];
  return {
    lab: { ...lab, libcni: createLibcni(lab.node, findTool(folder)) },
    call: { conflist, capabilityArgs: { portMappings } },
  };
}

/** portmap comes last: whatever it says, all before it have found nothing wrong. */
function assertChecked(answer: CniAnswer, { portmapCheck }: ReferencePlugins): void {
  if (portmapCheck === undefined) assertSuccess(answer);
  else assert.match(answer.error?.text ?? "", portmapCheck);
}

async function assertTuned(pod: Pod): Promise<void> {
  const somaxconn = await runCommand([...pod.enter, "sysctl", "--values", "net.core.somaxconn"]);
  assert.equal(somaxconn.trim(), "512");
  const link = (await pod.view.links()).find(({ ifname }) => ifname === "eth0");
  assert.ok(link?.flags.includes("PROMISC"));
}

/**
 * The world outside reaches the pod's server through the node's port, on both families; the pod sees the
 * client's own address.
 */
async function assertMapped({ node }: CniLab, pod: Pod): Promise<void> {
  const mirror = await startMirror(`mirror-${pod.name}`, pod.enter, node.folder);
  try {
    const busybox = findTool("packages/busybox/bin/busybox");
    for (const address of node.network.nodeAddresses) {
      const seen = await askMirror(busybox, node.network.outside.enter, address);
      assert.match(seen, address.includes(":") ? /^2001:db8:2::1$/ : /^192\.0\.2\.1$/);
    }
  } finally {
    await mirror.stop();
  }
}

/** No rule of the node tells of the pod: portmap's hold its container or its addresses. */
async function assertUnmapped({ node }: CniLab, { id, addresses }: Pod): Promise<void> {
  const rules = await runCommand([...node.network.node.enter, "nft", "list", "ruleset"]);
  for (const text of [id, ...addresses]) assert.ok(!rules.includes(text), `${text} is still in ${rules}`);
}
