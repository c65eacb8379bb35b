import assert from "node:assert/strict";
import { join } from "node:path";
import { observeCommand, runCommand } from "../lib/command.ts";
import { addPod, assertFailure, assertSuccess, type CniLab, testInLab } from "./cni-lab.ts";
import { writeConflist } from "./conflists.ts";

/** CHECK of pods that are as they were made. */
export function testCheck(getLab: () => CniLab): void {
  for (const cniVersion of ["0.4.0", "1.0.0", "1.1.0"]) {
    testInLab(
      `CHECK of version ${cniVersion} succeeds after an ADD, again, and after a restart of the agent`,
      getLab,
      async (lab) => {
        const { node, libcni } = lab;
        const conflist = writeConflist(node, `check-${cniVersion}`, { cniVersion });
        const pod = await addPod(lab, { conflist });
        assert.equal(pod.result.cniVersion, cniVersion);
        for (let repetition = 0; repetition < 2; repetition++)
          assertSuccess(await libcni.check({ conflist, pod }));
        await node.stopAgent();
        await node.agent();
        assertSuccess(await libcni.check({ conflist, pod }));
      },
    );
  }

  testInLab("CHECK of version 0.3.1 is refused by libcni, and by us with code 1", getLab, async (lab) => {
    const { node, libcni } = lab;
    const conflist = writeConflist(node, "check-0.3.1", { cniVersion: "0.3.1" });
    const pod = await addPod(lab, { conflist });
    assert.equal(pod.result.cniVersion, "0.3.1");
    const refused = assertFailure(await libcni.check({ conflist, pod }), 0);
    assert.match(refused.msg, /0\.3\.1.*does not support/);

    const environment = {
      CNI_COMMAND: "CHECK",
      CNI_CONTAINERID: pod.id,
      CNI_NETNS: pod.netnsPath,
      CNI_IFNAME: "eth0",
      CNI_PATH: node.cniBinDir,
    };
    const config = { cniVersion: "0.3.1", name: "causeway", type: "causeway", socket: node.socket };
    const { code, stdout } = await observeCommand(
      [
        ...node.network.node.enter,
        "env",
        ...Object.entries(environment).map((pair) => pair.join("=")),
        join(node.cniBinDir, "causeway"),
      ],
      { input: JSON.stringify({ ...config, prevResult: pod.result }) },
    );
    assert.equal(code, 1);
    const error = JSON.parse(stdout) as { cniVersion: string; code: number; msg: string };
    assert.deepEqual({ cniVersion: error.cniVersion, code: error.code }, { cniVersion: "0.3.1", code: 1 });
    assert.match(error.msg, /0\.3\.1/);
  });

  testInLab(
    "CHECK tolerates addresses, routes, neighbours and links of later plugins",
    getLab,
    async (lab) => {
      const { node, libcni } = lab;
      const pod = await addPod(lab);
      const [gateway = ""] = pod.result.ips.map((ip) => ip.gateway ?? "");
      const additions = [
        "link add extra0 type veth peer name extra1",
        "link set extra0 up",
        "addr add 203.0.113.7/32 dev eth0",
        `route add 198.51.100.0/24 via ${gateway}`,
        `route add 203.0.113.64/26 via ${gateway} metric 50`,
        `route add default via ${gateway} metric 4000`,
        "neigh add 203.0.113.8 lladdr 02:00:00:00:00:08 dev eth0",
      ];
      await runCommand(["ip", "-n", pod.name, "-batch", "-"], { input: `${additions.join("\n")}\n` });
      assertSuccess(await libcni.check({ conflist: node.conflist, pod }));
    },
  );

  testInLab("CHECK succeeds for a pod from before a change of the uplink's MTU", getLab, async (lab) => {
    const { node, libcni } = lab;
    const { conflist } = node;
    const setMtu = async (mtu: number): Promise<void> => {
      for (const [netns, link] of [
        [node.network.node.name, "up0"],
        [node.network.outside.name, "out0"],
      ] as const)
        await runCommand(["ip", "-n", netns, "link", "set", link, "mtu", String(mtu)]);
      await node.stopAgent();
      await node.agent();
    };
    const pod = await addPod(lab);
    await setMtu(1400);
    try {
      assertSuccess(await libcni.check({ conflist, pod }));
      const later = await addPod(lab);
      const link = (await later.view.links()).find(({ ifname }) => ifname === "eth0");
      assert.equal(link?.mtu, 1330);
      assertSuccess(await libcni.check({ conflist, pod: later }));
    } finally {
      await setMtu(node.network.mtu);
    }
  });

  testInLab("CHECK of two pods tells the one that is damaged", getLab, async (lab) => {
    const { node, libcni } = lab;
    const [one, two] = [await addPod(lab), await addPod(lab)];
    await runCommand(["ip", "-n", one.name, "link", "del", "eth0"]);
    const { msg } = assertFailure(await libcni.check({ conflist: node.conflist, pod: one }), 102, one.id);
    assert.ok(!msg.includes(two.id));
    assertSuccess(await libcni.check({ conflist: node.conflist, pod: two }));
  });
}
