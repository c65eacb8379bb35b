import assert from "node:assert/strict";
import { test } from "node:test";
import { findCommands } from "./documented-commands.ts";

test("findCommands() finds what is run inside of the agent's container, in blocks and in sentences", () => {
  const text = [
    "See `kubectl -n kube-system exec POD -- causeway status` and `kubectl exec POD`.",
    "```sh",
    "kubectl exec POD -- /opt/causeway/x page >node.html   # a file",
    "causeway doctor [--json]   # looks",
    "helm test causeway",
    "```",
    "causeway is a word here",
  ].join("\n");
  assert.deepEqual(findCommands("docs/a.md", text), [
    { file: "docs/a.md", program: "causeway", args: ["status"] },
    { file: "docs/a.md", program: "/opt/causeway/x", args: ["page"] },
    { file: "docs/a.md", program: "causeway", args: ["doctor", "[--json]"] },
  ]);
});
