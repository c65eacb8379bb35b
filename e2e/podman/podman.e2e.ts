import { after, before, describe } from "node:test";
import { runCommand } from "../lib/command.ts";
import { createNodeLab } from "../libcni/node-lab.ts";
import { testLifecycle } from "./lifecycle-tests.ts";
import { testNetwork } from "./network-tests.ts";
import type { PodmanLab } from "./podman-lab.ts";
import { startPodman } from "./podman.ts";

const [version = "podman"] = /\d+\.\d+\.\d+/.exec(await runCommand(["podman", "--version"])) ?? [];

describe(`podman ${version}`, () => {
  let lab: PodmanLab | undefined;
  const getLab = (): PodmanLab => {
    if (lab === undefined) throw new Error("The lab could not be made");
    return lab;
  };
  const cleanUps = new AsyncDisposableStack();
  before(async () => {
    const node = await createNodeLab();
    cleanUps.defer(node.close);
    const podman = await startPodman(node);
    cleanUps.defer(podman.close);
    lab = { node, podman };
  });
  after(() => cleanUps.disposeAsync());
  testNetwork(getLab);
  testLifecycle(getLab);
});
