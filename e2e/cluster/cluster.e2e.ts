import { after, afterEach, before, describe } from "node:test";
import { testBandwidth } from "./bandwidth-tests.ts";
import { type Cluster, type ClusterInput, createCluster } from "./cluster.ts";
import { findClusterTools } from "./cluster-tools.ts";
import { dumpCluster } from "./dump.ts";
import { testMetrics } from "./metrics-tests.ts";
import { testOutage } from "./outage-tests.ts";
import { testReach } from "./reach-tests.ts";
import { testReadiness } from "./readiness-tests.ts";
import { testRestarts } from "./restart-tests.ts";
import { testServices } from "./service-tests.ts";
import { testBurstAndUninstall } from "./uninstall-tests.ts";
import { testUpgrade } from "./upgrade-tests.ts";
import { testValues } from "./values-tests.ts";
import { watchNodes } from "./watch-nodes.ts";

const tools = await findClusterTools();
const proxyModes = ["iptables", "nftables"] as const;

describeCluster("a dual-stack cluster", { tools, proxyModes, families: [4, 6] }, (getCluster) => {
  testReadiness(getCluster);
  testReach(getCluster, { replicas: 40 });
  testServices(getCluster, { brNetfilters: ["0", "1"] });
  testBandwidth(getCluster);
  testMetrics(getCluster);
  testRestarts(getCluster);
  testUpgrade(getCluster);
  testOutage(getCluster);
  testBurstAndUninstall(getCluster);
});

describeCluster("a control plane without nodes", { tools, proxyModes: [], families: [4] }, testValues);

for (const family of [4, 6] as const) {
  describeCluster(
    `a cluster of IPv${family} alone`,
    { tools, proxyModes, families: [family] },
    (getCluster) => {
      testReadiness(getCluster);
      testReach(getCluster, { replicas: 8 });
      testServices(getCluster, { brNetfilters: ["0"] });
    },
  );
}

/** One cluster for all tests of `suite`; what it looks like is written down when one fails. */
function describeCluster(
  name: string,
  input: ClusterInput,
  suite: (getCluster: () => Cluster) => void,
): void {
  describe(name, () => {
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
