import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Cluster } from "../cluster/cluster.ts";
import { buildImage, executable } from "../lib/image.ts";
import type { ConformanceTools } from "./conformance-tools.ts";

/** Under the names that the tests ask for: of the Network Policy API, and of Kubernetes. */
const REFERENCES = ["2.45", "2.56"].map((version) => `registry.k8s.io/e2e-test-images/agnhost:${version}`);

/** Gives every node the image whose pods are clients and servers of all tests. */
export async function importAgnhost(
  { folder, nodes }: Cluster,
  { agnhost, bash }: Pick<ConformanceTools, "agnhost" | "bash">,
): Promise<void> {
  const files = [executable("agnhost", agnhost), executable("bin/bash", bash)];
  for (const [index, reference] of REFERENCES.entries()) {
    const archive = join(folder, `agnhost-${index}.tar`);
    writeFileSync(archive, buildImage({ reference, entrypoint: ["/agnhost"], command: ["pause"], files }));
    for (const node of nodes) await node.importImage(archive);
  }
}
