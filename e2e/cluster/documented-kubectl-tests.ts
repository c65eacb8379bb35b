import assert from "node:assert/strict";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { shellCommands } from "../../agent/testing/docs/documented-commands.ts";
import { REPOSITORY } from "../lib/tools.ts";
import type { Cluster } from "./cluster.ts";

const DOCUMENTS = [
  "docs/commands.md",
  "docs/how-to/clouds.md",
  "docs/inspect.md",
  "docs/operations.md",
  "docs/runbook.md",
];

/** Where README.md installs. */
const NAMESPACE = "kube-system";

/** Lines of the docs that ask a cluster by kubectl, once each, without their comments. */
function documentedLines(): readonly string[] {
  const lines = DOCUMENTS.flatMap((document) =>
    shellCommands(readFileSync(join(REPOSITORY, document), "utf8")),
  );
  const wanted = /^kubectl (?:-n NAMESPACE|get nodes|label namespace NAMESPACE)/;
  return [...new Set(lines.map((line) => line.replace(/ +# .*/, "")).filter((line) => wanted.test(line)))];
}

/** The node's page behind a forwarded port, as the docs say; ends kubectl. */
const forwarded = (line: string): string =>
  `${line} & forward=$!; trap 'kill "$forward"' EXIT
  curl --silent --fail --retry 50 --retry-delay 1 --retry-connrefused http://localhost:9656/readyz`;

export function testDocumentedKubectl(getCluster: () => Cluster): void {
  test("the kubectl commands of the docs do what the docs say in a real cluster", async () => {
    const cluster = getCluster();
    const folder = join(cluster.folder, "documented");
    mkdirSync(folder);
    const names = await cluster.kubectl([
      "-n",
      NAMESPACE,
      "get",
      "pods",
      "--selector=app.kubernetes.io/name=causeway",
      "--output=jsonpath={.items[0].metadata.name}",
    ]);
    const lines = documentedLines();
    assert.ok(lines.length >= 8, lines.join("\n"));
    for (const line of lines) {
      const filled = line.replaceAll("NAMESPACE", NAMESPACE).replaceAll(/\bPOD(?:_OF_THE_AGENT)?\b/g, names);
      // grep fails where nothing is left: an agent without a warning.
      const fine = filled.includes("| grep") ? `{ ${filled} || [ $? -eq 1 ]; }` : filled;
      const said = await cluster.type(
        `cd '${folder}'; ${line.includes(" port-forward ") ? forwarded(fine) : fine}`,
      );
      const [, file] = /> *(\S+)$/.exec(filled) ?? [];
      if (file !== undefined) assert.ok(statSync(join(folder, file)).size > 1000, line);
      else if (!filled.includes("| grep")) assert.notEqual(said.trim(), "", line);
    }
  });
}
