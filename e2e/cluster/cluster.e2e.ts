import { testBandwidth } from "./bandwidth-tests.ts";
import { findClusterTools } from "./cluster-tools.ts";
import { describeCluster } from "./describe-cluster.ts";
import { testCrds } from "./crds-tests.ts";
import { testDocumentedKubectl } from "./documented-kubectl-tests.ts";
import { testKubectlPlugin } from "./kubectl-plugin-tests.ts";
import { testMetrics } from "./metrics-tests.ts";
import { testOutage } from "./outage-tests.ts";
import { testPolicyIsolation } from "./policies/policy-isolation-tests.ts";
import { testReach } from "./reach-tests.ts";
import { installByReadme, testHelmTest } from "./readme-tests.ts";
import { testReadiness } from "./readiness-tests.ts";
import { testRestarts } from "./restart-tests.ts";
import { testServices } from "./service-tests.ts";
import { testBurstAndUninstall } from "./uninstall-tests.ts";
import { testUpgrade } from "./upgrade-tests.ts";
import { testAdmission, testValues } from "./values-tests.ts";

const tools = await findClusterTools();
const proxyModes = ["iptables", "nftables"] as const;

describeCluster("a dual-stack cluster", { tools, proxyModes, families: [4, 6] }, (getCluster) => {
  testReadiness(getCluster);
  testReach(getCluster, { replicas: 40 });
  testServices(getCluster, { brNetfilters: ["0", "1"] });
  testPolicyIsolation(getCluster);
  testBandwidth(getCluster);
  testMetrics(getCluster);
  testRestarts(getCluster);
  testUpgrade(getCluster);
  testOutage(getCluster);
  testBurstAndUninstall(getCluster);
});

describeCluster("a control plane without nodes", { tools, proxyModes: [], families: [4] }, (getCluster) => {
  testValues(getCluster);
  testAdmission(getCluster);
  testCrds(getCluster);
});

describeCluster("a cluster of IPv4 alone", { tools, proxyModes, families: [4] }, (getCluster) => {
  const title = "the commands of README.md, typed as they are there, make every node Ready";
  testReadiness(getCluster, { title, install: installByReadme });
  testHelmTest(getCluster);
  testKubectlPlugin(getCluster);
  testDocumentedKubectl(getCluster);
  testReach(getCluster, { replicas: 8 });
  testServices(getCluster, { brNetfilters: ["0"] });
});

describeCluster("a cluster of IPv6 alone", { tools, proxyModes, families: [6] }, (getCluster) => {
  testReadiness(getCluster);
  testReach(getCluster, { replicas: 8 });
  testServices(getCluster, { brNetfilters: ["0"] });
});
