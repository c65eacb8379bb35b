import assert from "node:assert/strict";
import { test } from "node:test";
import { createReadiness } from "../../../lib/readiness.ts";
import { NO_SURROUNDINGS } from "../../../plan/node/surroundings.ts";
import { createFastPath, type FastPathSettings } from "./fast-path.ts";
import type { LocalNetwork } from "../local-network.ts";

/** A kernel that has no flow table as long as `fault` says why. */
function setUp(settings: Partial<FastPathSettings> = {}) {
  const setup = {
    fault: undefined as string | undefined,
    asked: 0,
    told: [] as (string | undefined)[],
    find: (verify: boolean, ...services: readonly string[]) => find(localWith(services), { verify }),
  };
  const find = createFastPath({
    kernel: {
      async findFastPathFault() {
        setup.asked++;
        return setup.fault;
      },
    },
    readiness: createReadiness((_kind, _part, reason) => void setup.told.push(reason)),
    fastPath: "auto",
    policy: { enabled: true, toOwnNode: "enforce", markBit: 29 },
    encryption: { type: "none" },
    ...settings,
  });
  return setup;
}

function localWith(serviceAddresses: readonly string[]): LocalNetwork {
  return {
    addresses: ["192.0.2.10"],
    podCidrs: [],
    formerCidrs: [],
    underlay: {
      uplinks: [{ name: "up0", mtu: 1500 }],
      addresses: new Map(),
      routes: new Map(),
      serviceAddresses,
      vrfAddresses: [],
      surroundings: NO_SURROUNDINGS,
    },
  };
}

test("switched off nobody asks the kernel, and nothing is told", async () => {
  const setup = setUp({ fastPath: "off" });
  setup.fault = "too old";
  assert.equal(await setup.find(true), undefined);
  assert.deepEqual([setup.asked, setup.told], [0, []]);
});

test("uplinks are devices, and what policies have ended is left out; the kernel is asked once", async () => {
  const setup = setUp();
  const want = { uplinks: ["up0"], mark: 0x2000_0000 };
  for (const verify of [true, false, true]) assert.deepEqual(await setup.find(verify), want);
  assert.deepEqual([setup.asked, setup.told], [1, []]);
});

test("where policies are not enforced nothing has a mark", async () => {
  const setup = setUp({ policy: { enabled: false, toOwnNode: "enforce", markBit: 29 } });
  assert.equal((await setup.find(true))?.mark, undefined);
});

test("where traffic is encrypted no uplink is a device: what comes in clear would pass the guard by", async () => {
  const setup = setUp({ encryption: { type: "wireguard" } });
  assert.deepEqual((await setup.find(true))?.uplinks, []);
});

test("a kernel without is told once, and asked again when all is looked at", async () => {
  const setup = setUp();
  setup.fault = "Linux 5.10 is older than 6.1";
  for (const verify of [true, false, true]) assert.equal(await setup.find(verify), undefined);
  assert.equal(setup.asked, 2);
  setup.fault = undefined;
  assert.equal(await setup.find(false), undefined);
  assert.notEqual(await setup.find(true), undefined);
  assert.deepEqual(setup.told, ["there is none: Linux 5.10 is older than 6.1", undefined]);
});

test("beside services of IPVS there is none: their answers would not be translated", async () => {
  const setup = setUp();
  assert.equal(await setup.find(false, "10.96.0.1"), undefined);
  assert.match(
    setup.told[0] ?? "",
    /services of IPVS, which this node has \(link "kube-ipvs0"\), would break/,
  );
  assert.notEqual(await setup.find(false), undefined);
});
