import { join } from "node:path";
import { valuesTable } from "./configuration.ts";

export const CHART_README = join(import.meta.dirname, "..", "..", "charts", "causeway", "README.md");

/** charts/causeway/README.md, which `helm show readme` and catalogues print: all values of the chart. */
export function writeChartReadme(): string {
  return `# Causeway

Pod networking for Kubernetes (CNI): one bridge, one veth per pod, plain routes or VXLAN between
nodes, and network policies in nftables. One agent on each node does all of it with CAP_NET_ADMIN
alone.

\`\`\`sh
helm install causeway charts/causeway --namespace kube-system --set image.repository=registry.example.com/causeway
kubectl --namespace kube-system rollout status daemonset/causeway
helm test causeway --namespace kube-system
\`\`\`

The repository has the rest: \`docs/operations.md\` says what nodes must have, and how to upgrade and
migrate. \`deploy/examples\` has values for many kinds of cluster.

## Values

\`npm run docs\` writes this page from \`values.yaml\`. The chart refuses wrong and unknown values
(\`values.schema.json\`).

${valuesTable(new Set())}
`;
}
