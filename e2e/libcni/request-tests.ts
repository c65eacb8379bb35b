import assert from "node:assert/strict";
import { ping } from "../lib/netns.ts";
import { addPod, assertFailure, assertSuccess, type CniLab, type Pod, testInLab } from "./cni-lab.ts";
import { writeConflist } from "./conflists.ts";
import type { PodCall } from "./libcni.ts";
import { GATEWAYS, POD_CIDRS } from "./node-lab.ts";

const REQUESTED_V4 = "10.244.7.77";
const REQUESTED_V6 = "fd00:10:244:7::77";
const REQUESTED_MAC = "02:00:5e:10:00:77";

type Request = Pick<PodCall, "args" | "capabilityArgs">;

/** Addresses and MACs that a runtime asks for. */
export function testRequests(getLab: () => CniLab): void {
  const honoured: readonly {
    readonly name: string;
    readonly request: Request;
    readonly addresses: readonly string[];
    readonly mac?: string;
  }[] = [
    {
      name: "capability ips of both families and capability mac",
      request: { capabilityArgs: { ips: [`${REQUESTED_V4}/24`, `${REQUESTED_V6}/64`], mac: REQUESTED_MAC } },
      addresses: [REQUESTED_V4, REQUESTED_V6],
      mac: REQUESTED_MAC,
    },
    {
      name: "capability ips of one family, without prefix length",
      request: { capabilityArgs: { ips: [REQUESTED_V6] } },
      addresses: [REQUESTED_V6],
    },
    {
      name: "CNI_ARGS IP and MAC",
      request: {
        args: [
          ["IgnoreUnknown", "1"],
          ["K8S_POD_NAME", "web"],
          ["MAC", REQUESTED_MAC],
          ["IP", REQUESTED_V4],
        ],
      },
      addresses: [REQUESTED_V4],
      mac: REQUESTED_MAC,
    },
  ];
  for (const { name, request, addresses, mac } of honoured) {
    testInLab(`ADD honours ${name}`, getLab, async (lab) => {
      await assertHas(await addAndCheck(lab, request), addresses, mac);
    });
  }

  testInLab("ADD honours args.cni of the conflist", getLab, async (lab) => {
    const plugin = { args: { cni: { ips: [REQUESTED_V4], mac: REQUESTED_MAC } } };
    const conflist = writeConflist(lab.node, "requests", { plugin });
    await assertHas(await addAndCheck(lab, { conflist }), [REQUESTED_V4], REQUESTED_MAC);
  });

  const refused: readonly {
    readonly name: string;
    readonly request: Request;
    readonly code: number;
    readonly names: readonly string[];
  }[] = [
    {
      name: "an address outside of the PodCIDRs",
      request: { capabilityArgs: { ips: ["192.168.5.5/24"] } },
      code: 7,
      names: ["192.168.5.5", POD_CIDRS[0]],
    },
    {
      name: "an IPv6 address outside of the PodCIDRs beside a good one",
      request: { capabilityArgs: { ips: [`${REQUESTED_V4}/24`, "fd00:9::9/64"] } },
      code: 7,
      names: ["fd00:9::9", POD_CIDRS[1]],
    },
    {
      name: "the gateway's address",
      request: { args: [["IP", GATEWAYS[0]]] },
      code: 101,
      names: [GATEWAYS[0]],
    },
    {
      name: "two addresses of one family",
      request: { capabilityArgs: { ips: [REQUESTED_V4, "10.244.7.78"] } },
      code: 7,
      names: ["10.244.7.78"],
    },
    {
      name: "no address",
      request: { args: [["IP", "10.244.7.300"]] },
      code: 7,
      names: ["IP", "10.244.7.300"],
    },
    {
      name: "a MAC of a group",
      request: { capabilityArgs: { mac: "01:00:5e:10:00:77" } },
      code: 7,
      names: ["mac", "01:00:5e:10:00:77"],
    },
  ];
  for (const { name, request, code, names } of refused) {
    testInLab(
      `ADD refuses ${name} with code ${code}, and the same pod can be added without it`,
      getLab,
      async (lab) => {
        const { node, libcni, sandboxes } = lab;
        const pod = await sandboxes.create();
        const call = { conflist: node.conflist, pod };
        assertFailure(await libcni.add({ ...call, ...request }), code, ...names);
        assert.deepEqual(
          (await pod.view.links()).map(({ ifname }) => ifname),
          ["lo"],
        );
        assertSuccess(await libcni.add(call));
      },
    );
  }

  testInLab(
    "ADD refuses an address of another pod with code 101, and gives it once that pod has gone",
    getLab,
    async (lab) => {
      const { node, libcni, sandboxes } = lab;
      const { conflist } = node;
      const first = await addPod(lab);
      const [address = ""] = first.addresses;
      const second = await sandboxes.create();
      const call = { conflist, pod: second, capabilityArgs: { ips: [`${address}/24`] } };
      assertFailure(await libcni.add(call), 101, address);
      assertSuccess(await libcni.check({ conflist, pod: first }));
      assertSuccess(await libcni.del({ conflist, pod: first }));
      const { result, error } = await libcni.add(call);
      assert.equal(error?.text, undefined);
      assert.equal(result?.ips[0]?.address, `${address}/32`);
    },
  );
}

async function addAndCheck(lab: CniLab, call: Request & { conflist?: string }): Promise<Pod> {
  const pod = await addPod(lab, call);
  assertSuccess(await lab.libcni.check({ conflist: lab.node.conflist, ...call, pod }));
  return pod;
}

/** In the result, in the kernel, and for the gateway's ping. */
async function assertHas(pod: Pod, addresses: readonly string[], mac?: string): Promise<void> {
  assert.equal(pod.addresses.length, POD_CIDRS.length);
  const given = (await pod.view.addresses("eth0")).map(({ local }) => local);
  for (const address of addresses) {
    assert.ok(pod.addresses.includes(address), `${address} is not in ${JSON.stringify(pod.result)}`);
    assert.ok(given.includes(address), `${address} is not in ${given.join(", ")}`);
  }
  const link = (await pod.view.links()).find(({ ifname }) => ifname === "eth0");
  assert.equal(link?.address, pod.mac);
  if (mac !== undefined) assert.equal(pod.mac, mac);
  for (const gateway of GATEWAYS) await ping(pod.enter, gateway);
}
