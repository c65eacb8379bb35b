import { after, afterEach, before, describe } from "node:test";
import { testBandwidth } from "./bandwidth-tests.ts";
import { type Cluster, createCluster } from "./cluster.ts";
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

const tools = await findClusterTools();

describe("a dual-stack cluster", () => {
  let cluster: Cluster | undefined;
  const getCluster = (): Cluster => {
    if (cluster === undefined) throw new Error("The cluster could not be made");
    return cluster;
  };
  before(async () => {
    cluster = await createCluster({ tools, families: [4, 6], proxyModes: ["iptables", "nftables"] });
  });
  after(async () => {
    await cluster?.close();
  });
  afterEach(async (test) => {
    if (cluster !== undefined && "passed" in test && !test.passed) await dumpCluster(cluster, test.name);
  });
  testReadiness(getCluster);
  testReach(getCluster);
  testServices(getCluster);
  testBandwidth(getCluster);
  testMetrics(getCluster);
  testRestarts(getCluster);
  testUpgrade(getCluster);
  testOutage(getCluster);
  testBurstAndUninstall(getCluster);
});
