import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

/** What each folder of the agent may import, besides itself (docs/architecture.md). Files beside main.ts are "root". */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  net: [],
  text: [],
  netlink: ["net"],
  plan: ["net"],
  ipam: ["plan", "net"],
  kernel: ["plan", "netlink", "native", "net"],
  native: [],
  kube: ["net", "text", "root"],
  cni: ["kernel", "ipam", "plan", "net", "root"],
  reconcile: ["kernel", "ipam", "plan", "net", "root"],
  diagnosis: ["plan", "netlink", "net", "text"],
  inspect: ["diagnosis", "report", "kernel", "kube", "native", "plan", "netlink", "net", "text", "root"],
  report: ["cni", "kernel", "kube", "ipam", "plan", "net", "text", "root"],
  http: ["native", "net", "root"],
  page: ["report", "http", "text", "root"],
  status: ["report", "kernel", "text", "root"],
  root: ["ipam", "plan", "net", "text"],
};

/** What connects everything: the commands, and the running agent. */
const COMPOSITION = new Set(["main.ts", "start-agent.ts"]);

/** Folders that compute and nothing else: no Node module, no clock, no randomness, no log. */
const PURE = new Set(["net", "text", "netlink", "plan", "ipam", "diagnosis"]);

const AGENT = new URL("../", import.meta.url);

interface Source {
  readonly path: string;
  readonly folder: string;
  readonly text: string;
}

const sources: readonly Source[] = readdirSync(AGENT, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts") && !path.startsWith("testing/"))
  .map((path) => ({
    path,
    folder: path.includes("/") ? (path.split("/")[0] ?? "") : "root",
    text: readFileSync(new URL(path, AGENT), "utf8"),
  }));

function importsOf({ text }: Source): string[] {
  return [...text.matchAll(/(?:from|import) "([^"]+)"/g), ...text.matchAll(/import\("([^"]+)"\)/g)].map(
    (match) => match[1] ?? "",
  );
}

/** Folder of the agent that an import leads to, or undefined for a package. */
function targetFolder(source: Source, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  const resolved = new URL(specifier, new URL(source.path, AGENT)).pathname.slice(AGENT.pathname.length);
  return resolved.includes("/") ? resolved.split("/")[0] : "root";
}

test("imports point down: main → cni, reconcile, http → kernel, kube, ipam → plan, netlink → net", () => {
  assert.ok(sources.length > 20, "the sources are found");
  const wrong = sources
    .filter(({ path }) => !COMPOSITION.has(path))
    .flatMap((source) =>
      importsOf(source)
        .map((specifier) => targetFolder(source, specifier))
        .filter((folder) => folder !== undefined && folder !== source.folder)
        .filter((folder) => !(ALLOWED[source.folder] ?? []).includes(folder ?? ""))
        .map((folder) => `${source.path} → ${folder}`),
    );
  assert.deepEqual(wrong, []);
});

test("pure folders import no Node module and read no clock, randomness or log", () => {
  const wrong = sources
    .filter(({ folder }) => PURE.has(folder))
    .filter(({ text }) =>
      /from "node:|Date\.now|new Date\(|performance\.|Math\.random|console\.|process\./.test(text),
    )
    .map(({ path }) => path);
  assert.deepEqual(wrong, []);
});

test("only main.ts reads the environment or exits", () => {
  const wrong = sources
    .filter(({ path, text }) => path !== "main.ts" && /process\.(env|exit)\b/.test(text))
    .map(({ path }) => path);
  assert.deepEqual(wrong, []);
});

test("nothing that ships imports test support", () => {
  const wrong = sources.filter((source) =>
    importsOf(source).some((specifier) => specifier.includes("testing/")),
  );
  assert.deepEqual(
    wrong.map(({ path }) => path),
    [],
  );
});
