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
const input = { tools, proxyModes: ["iptables", "nftables"], families: [4, 6] } as const;

describeCluster("policies in a dual-stack cluster", input, (getCluster) => {
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
