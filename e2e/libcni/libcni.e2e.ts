import { after, before, describe } from "node:test";
import { testChains } from "./chain-tests.ts";
import { testCheck } from "./check-tests.ts";
import { type CniLab, createCniLab } from "./cni-lab.ts";
import { testDamage } from "./damage-tests.ts";
import { testGc } from "./gc-tests.ts";
import { testSecondNetworks } from "./second-network-tests.ts";
import { testStatus } from "./status-tests.ts";
import { testRequests } from "./request-tests.ts";

describe("libcni", () => {
  let lab: CniLab | undefined;
  const getLab = (): CniLab => {
    if (lab === undefined) throw new Error("The lab could not be made");
    return lab;
  };
  before(async () => {
    lab = await createCniLab();
  });
  after(async () => {
    await lab?.node.close();
  });
  testStatus(getLab);
  testCheck(getLab);
  testDamage(getLab);
  testGc(getLab);
  testRequests(getLab);
  testChains(getLab);
  testSecondNetworks(getLab);
});
