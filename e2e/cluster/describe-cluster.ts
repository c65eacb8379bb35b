import { after, afterEach, before, describe } from "node:test";
import { type Cluster, type ClusterInput, createCluster } from "./cluster.ts";
import { dumpCluster } from "./dump.ts";
import { watchNodes } from "./watch-nodes.ts";

/** One cluster for all tests of `suite`; what it looks like is written down when one fails. */
export function describeCluster(
  name: string,
  input: ClusterInput,
  suite: (getCluster: () => Cluster) => void,
): void {
  describe(`Kubernetes ${input.tools.kubernetesVersion}: ${name}`, () => {
    let cluster: Cluster | undefined;
    before(async () => {
      cluster = await createCluster(input);
      watchNodes(cluster);
    });
    afterEach(async (test) => {
      if (cluster !== undefined && "passed" in test && !test.passed) await dumpCluster(cluster, test.name);
    });
    after(async () => {
      await cluster?.close();
    });
    suite(() => {
      if (cluster === undefined) throw new Error("The cluster could not be made");
      return cluster;
    });
  });
}
