import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { REPOSITORY } from "../lib/tools.ts";
import { waitUntilHolds } from "../lib/wait-for.ts";
import type { Cluster } from "./cluster.ts";
import { AGENT_IMAGE } from "./images.ts";
import { PATHS } from "./node-config.ts";

interface ReadmeCommands {
  /** Reference of the image that the first command builds and pushes. */
  readonly image: string;
  readonly install: string;
  readonly wait: string;
  readonly test: string;
}

/** The four commands below "Install", without their comments; throws when they are not those. */
function readmeCommands(): ReadmeCommands {
  const text = readFileSync(join(REPOSITORY, "README.md"), "utf8");
  const [, block = ""] = /^## Install\n[^]*?^```sh\n([^]*?)^```$/m.exec(text) ?? [];
  const [build = "", install = "", wait = "", last = "", ...more] = block
    .trim()
    .split("\n")
    .map((line) => line.replace(/ +#.*/, ""));
  assert.deepEqual(more, []);
  const [, image] = /^docker buildx build .*--tag (\S+) --push \.$/.exec(build) ?? [];
  assert.ok(
    image !== undefined && install.startsWith("helm install ") && last.startsWith("helm test "),
    block,
  );
  return { image, install, wait, test: last };
}

/**
 * Types what README.md has, as it is. Only the registry is missing: what the first command pushes is on the
 * nodes already, under the name that the others pull.
 */
export async function installByReadme(cluster: Cluster): Promise<void> {
  const { image, install, wait } = readmeCommands();
  const tag = [`${PATHS.containerd}/ctr`, "--namespace", "k8s.io", "images", "tag", AGENT_IMAGE, image];
  for (const node of cluster.nodes) await node.run(...tag);
  await cluster.type(install);
  await cluster.type(wait);
}

export function testHelmTest(getCluster: () => Cluster): void {
  test("helm test, as README.md has it, lets a pod ask pods of all nodes and the Kubernetes API, and leaves nothing", async () => {
    const cluster = getCluster();
    const said = await cluster.type(`${readmeCommands().test} --logs`);
    assert.match(said, /^Phase: +Succeeded$/m);
    for (const { name } of cluster.nodes) assert.match(said, new RegExp(`\\b${name}\\b`), said);
    // Helm has deleted their DaemonSet, and does not wait for the pods to end.
    const assertNothingLeft = async (): Promise<void> => {
      const left = await cluster.kubectl(["get", "pods", "--all-namespaces", "--output=name"]);
      assert.doesNotMatch(left, /causeway-test/);
    };
    await waitUntilHolds("the end of the test's pods", assertNothingLeft, { timeoutMs: 60_000 });
  });
}
