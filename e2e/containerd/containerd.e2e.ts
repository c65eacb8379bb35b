import { after, before, describe } from "node:test";
import { findTools } from "../lib/tools.ts";
import { testAgentAway } from "./agent-away-tests.ts";
import { testLifecycle } from "./lifecycle-tests.ts";
import { testNetwork, testSettings } from "./network-tests.ts";
import { testPeers } from "./peer-tests.ts";
import { createPodLab, type PodLab } from "./pod-lab.ts";
import { testStarting } from "./starting-tests.ts";
import { testUninstall } from "./uninstall-tests.ts";

const tools = await findTools();

for (const containerd of tools.containerds) {
  describe(`containerd ${containerd.version}`, () => {
    let lab: PodLab | undefined;
    const getLab = (): PodLab => {
      if (lab === undefined) throw new Error("The lab could not be made");
      return lab;
    };
    before(async () => {
      lab = await createPodLab(tools, containerd);
    });
    after(async () => {
      await lab?.close();
    });
    testStarting(getLab, containerd);
    testPeers(getLab);
    testNetwork(getLab);
    testSettings(getLab);
    testLifecycle(getLab);
    testAgentAway(getLab);
    testUninstall(getLab, containerd);
  });
}
