import { before } from "node:test";
import { installCauseway } from "../cluster/causeway.ts";
import { waitForNodes } from "../cluster/cluster-nodes.ts";
import { findClusterTools } from "../cluster/cluster-tools.ts";
import { describeCluster } from "../cluster/describe-cluster.ts";
import { testPolicyChurn } from "../cluster/policies/policy-churn-tests.ts";
import { testPolicies } from "../cluster/policies/policy-tests.ts";
import { importAgnhost } from "./agnhost-image.ts";
import { testClusterPolicies } from "./cluster-policy-tests.ts";
import { findConformanceTools } from "./conformance-tools.ts";
import { testNetpol } from "./netpol-tests.ts";

const tools = await findClusterTools();
const conformance = await findConformanceTools();
const proxyModes = ["iptables", "nftables"] as const;

describeCluster("policies in a dual-stack cluster", { tools, proxyModes, families: [4, 6] }, (getCluster) => {
  before(async () => {
    const cluster = getCluster();
    await cluster.kubectl(["apply", "--server-side", "--filename", conformance.definition]);
    await installCauseway(cluster);
    await waitForNodes(cluster, "True");
    await importAgnhost(cluster, conformance);
  });
  testPolicies(getCluster);
  testPolicyChurn(getCluster, { pods: 1000, podsPerKill: 100 });
  testClusterPolicies(getCluster, conformance);
  testNetpol(getCluster, conformance);
});

for (const family of [4, 6] as const)
  describeCluster(
    `policies in a cluster of IPv${family} alone`,
    { tools, proxyModes, families: [family] },
    (getCluster) => {
      before(async () => {
        await installCauseway(getCluster());
        await waitForNodes(getCluster(), "True");
      });
      testPolicies(getCluster);
    },
  );
