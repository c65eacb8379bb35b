import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { COMMAND_PROOFS, proofOf, shellCommands } from "./documented-commands.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");
const DOCUMENTS = ["README.md", "CONTRIBUTING.md", ...globSync("docs/**/*.md", { cwd: REPOSITORY })];
const read = (file: string): string => readFileSync(join(REPOSITORY, file), "utf8");

const commands = DOCUMENTS.flatMap((document) =>
  shellCommands(read(document)).map((command) => ({ document, command })),
);

test("every command in a shell block of the docs is run by a test, or named as not run with the reason", () => {
  assert.ok(commands.length > 50, "the docs are read");
  const unknown = commands.filter(({ command }) => proofOf(command) === undefined);
  assert.deepEqual(unknown, []);
});

test("what is said to run a command of the docs does", () => {
  const wrong = COMMAND_PROOFS.filter(({ ranBy, notRun }) =>
    ranBy === undefined ? notRun === undefined : !read(ranBy[0]).includes(ranBy[1]),
  );
  assert.deepEqual(wrong, []);
});

test("every entry about commands is of one in the docs", () => {
  const used = new Set(commands.map(({ command }) => proofOf(command)));
  assert.deepEqual(
    COMMAND_PROOFS.filter((proof) => !used.has(proof)),
    [],
  );
});

test("a command in the agent's container is what stands behind kubectl exec", () => {
  const line = "kubectl -n kube-system exec POD -- causeway bundle >bundle.tar";
  assert.equal(proofOf(line)?.command, "causeway bundle");
  assert.equal(proofOf("causeway"), undefined);
});

test("shellCommands() joins continued lines and quoted text, and takes a script with variables whole", () => {
  const text = "```sh\n# about\nnpm test \\\n  -- x\nrun 'a\n  b'\n```\n\n```sh\nbin=/opt\nrm -f x\n```\n";
  assert.deepEqual(shellCommands(text), ["npm test -- x", "run '…'", "bin=/opt"]);
});
