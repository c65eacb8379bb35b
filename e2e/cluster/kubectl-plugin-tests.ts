import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { REPOSITORY } from "../lib/tools.ts";
import type { Cluster } from "./cluster.ts";
import { deployPeers, PEER_PORT, removePeers } from "./workloads.ts";

/** What would betray a cluster: a token of a service account (a JWT), or a private key. */
const SECRET = /eyJ[\w-]{20,}\.|PRIVATE KEY/;

/** The commands of docs/kubectl.md, by a real kubectl that finds the plugin in its PATH. */
export function testKubectlPlugin(getCluster: () => Cluster): void {
  test("kubectl causeway shows all nodes, traces between pods of two nodes from both ends, and bundles no secret", async () => {
    const cluster = getCluster();
    const folder = join(cluster.folder, "plugin");
    mkdirSync(folder);
    copyFileSync(join(REPOSITORY, "deploy", "kubectl-causeway"), join(folder, "kubectl-causeway"));
    const type = (line: string): Promise<string> =>
      cluster.type(`cd '${folder}'; PATH=${folder}:$PATH; kubectl causeway ${line}`);

    const [one = assert.fail(), other = assert.fail()] = await deployPeers(cluster, "traced", {
      replicas: 2,
    });
    const table = await type("status");
    for (const { name } of cluster.nodes) assert.match(table, new RegExp(`^${name} +yes +\\d`, "m"), table);

    // Warnings about this machine, as of its br_netfilter, are no faults of the cluster.
    const findings = await type("doctor || [ $? -eq 3 ]");
    for (const { name } of cluster.nodes) assert.match(findings, new RegExp(`^== node ${name}$`, "m"));
    assert.doesNotMatch(findings, /^FAIL/m);

    const path = await type(`trace default/${one.name} default/${other.name}:${PEER_PORT}`);
    assert.equal(path.match(/^== node /gm)?.length, 2, path);
    assert.equal(path.match(/^the path is complete/gm)?.length, 2, path);

    await type(`bundle ${one.node}`);
    const archive = readFileSync(join(folder, `causeway-${one.node}.tar`), "latin1");
    for (const part of ["status.txt", "report.json", "log/agent.log", "log/pod.txt", "state/nftables.txt"])
      assert.ok(archive.includes(`causeway-bundle/${part}`), part);
    assert.doesNotMatch(archive, SECRET);
    await removePeers(cluster, "traced");
  });
}
