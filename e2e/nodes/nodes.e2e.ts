import { after, before, describe } from "node:test";
import { testChanges } from "./change-tests.ts";
import { type ClusterLab, createClusterLab } from "./cluster-lab.ts";
import { testReach } from "./reach-tests.ts";
import { testRepairs } from "./repair-tests.ts";
import { testStability } from "./stability-tests.ts";

describe("nodes", () => {
  let lab: ClusterLab | undefined;
  const getLab = (): ClusterLab => {
    if (lab === undefined) throw new Error("The lab could not be made");
    return lab;
  };
  before(async () => {
    lab = await createClusterLab();
  });
  after(async () => {
    await lab?.close();
  });
  testReach(getLab);
  testRepairs(getLab);
  testChanges(getLab);
  testStability(getLab);
});
