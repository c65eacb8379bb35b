import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { matchesGlob } from "node:path";
import { test } from "node:test";
import { findCircles } from "./find-circles.ts";

/** What each folder of the agent may import, besides itself (docs/architecture.md). main.ts is "root". */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  net: [],
  text: [],
  lib: [],
  native: [],
  netlink: ["net", "text"],
  plan: ["net", "text", "lib"],
  ipam: ["plan", "net"],
  settings: ["plan", "net", "text"],
  log: ["settings", "text", "lib"],
  metrics: ["ipam", "plan"],
  host: ["plan", "lib"],
  kernel: ["plan", "netlink", "native", "net", "text", "lib"],
  kube: ["plan", "net", "text", "settings", "lib"],
  cni: ["kernel", "ipam", "plan", "net", "text", "log", "lib"],
  reconcile: ["kernel", "host", "ipam", "plan", "net", "text", "log", "metrics", "lib"],
  diagnosis: ["plan", "netlink", "net", "text"],
  report: ["cni", "kernel", "kube", "ipam", "plan", "net", "text", "settings", "log", "lib"],
  inspect: [
    "diagnosis",
    "report",
    "kernel",
    "kube",
    "native",
    "host",
    "plan",
    "netlink",
    "net",
    "text",
    "settings",
    "lib",
  ],
  http: ["native", "net", "metrics", "settings", "lib"],
  page: ["report", "http", "text", "settings", "lib"],
  status: ["report", "kernel", "text", "settings", "lib"],
};

/** What connects everything: the commands, and the running agent. */
const COMPOSITION = new Set(["root", "start", "commands"]);

/** Folders that compute and nothing else: no Node module, no clock, no randomness, no log. */
const PURE = new Set(["net", "text", "netlink", "plan", "ipam", "diagnosis"]);

/** Whole-agent tests, and what tests are made with: not shipped. */
const TESTS = /^test(?:ing)?\//;

const AGENT = new URL("../../", import.meta.url);

interface Source {
  readonly path: string;
  readonly folder: string;
  readonly text: string;
}

const sources: readonly Source[] = readdirSync(AGENT, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts") && !TESTS.test(path))
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

/** File of the agent that an import leads to, or undefined for a package. */
function targetFile(source: Source, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return new URL(specifier, new URL(source.path, AGENT)).pathname.slice(AGENT.pathname.length);
}

/** Its folder. */
function targetFolder(source: Source, specifier: string): string | undefined {
  const resolved = targetFile(source, specifier);
  return resolved?.includes("/") === false ? "root" : resolved?.split("/")[0];
}

test("imports point down: main → cni, reconcile, http → kernel, kube, ipam → plan, netlink → net", (context) => {
  assert.ok(sources.length > 20, "the sources are found");
  const wrong = sources
    .filter(({ folder }) => !COMPOSITION.has(folder))
    .flatMap((source) =>
      importsOf(source)
        .map((specifier) => targetFolder(source, specifier))
        .filter((folder) => folder !== undefined && folder !== source.folder)
        .filter((folder) => !(ALLOWED[source.folder] ?? []).includes(folder ?? ""))
        .map((folder) => `${source.path} → ${folder}`),
    );
  context.diagnostic(`${wrong.length} imports point up`);
  assert.deepEqual(wrong, []);
});

test("who examines a node asks the kernel by kernel/: of netlink they import nothing but types", () => {
  const wrong = sources
    .filter(({ folder }) => ["commands", "inspect", "status"].includes(folder))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/import (?!type )([^;]*) from "[./]+\/netlink\/[^"]+"/g)]
        .filter(([, names = ""]) => !/^\{(?:\s*type [^,]+,?)+\s*\}$/.test(names))
        .map(([statement]) => `${path}: ${statement}`),
    );
  assert.deepEqual(wrong, []);
});

test("no files import one another in a circle, types included", (context) => {
  const graph = new Map(
    sources.map((source) => [
      source.path,
      importsOf(source)
        .map((specifier) => targetFile(source, specifier))
        .filter((file) => file !== undefined),
    ]),
  );
  const circles = findCircles(graph).map((members) => members.join(" "));
  const count = [...graph.values()].reduce((sum, targets) => sum + targets.length, 0);
  context.diagnostic(`${count} imports of ${graph.size} files: ${circles.length} circles`);
  assert.deepEqual(circles, []);
});

test("no folders beside one another import one another in a circle", (context) => {
  const graphs = new Map<string, Map<string, Set<string>>>();
  for (const source of sources)
    for (const specifier of importsOf(source)) {
      const target = targetFile(source, specifier);
      const arrow = target === undefined ? undefined : arrowBetween(source.path, target);
      if (arrow === undefined) continue;
      const graph = graphs.get(arrow.parent) ?? new Map<string, Set<string>>();
      graphs.set(arrow.parent, graph);
      for (const folder of [arrow.from, arrow.to]) if (!graph.has(folder)) graph.set(folder, new Set());
      graph.get(arrow.from)?.add(arrow.to);
    }
  const circles = [...graphs].flatMap(([parent, graph]) =>
    findCircles(new Map([...graph].map(([folder, targets]) => [folder, [...targets]]))).map(
      (members) => `${parent}/{${members.join(",")}}`,
    ),
  );
  const arrows = [...graphs.values()].flatMap((graph) => Array.from(graph.values(), ({ size }) => size));
  const count = arrows.reduce((sum, size) => sum + size, 0);
  context.diagnostic(`${count} arrows between folders beside one another: ${circles.length} circles`);
  assert.ok(graphs.has("plan/policy"), "folders at all depths are looked at");
  assert.deepEqual(circles, []);
});

/**
 * The folders beside one another that an import leads from and to; undefined: it stays in its folder, or
 * leads to what stands above or below it.
 */
function arrowBetween(
  source: string,
  target: string,
): { readonly parent: string; readonly from: string; readonly to: string } | undefined {
  const [own, other] = [source, target].map((path) => path.split("/").slice(0, -1));
  if (own === undefined || other === undefined) return undefined;
  const depth = own.findIndex((name, index) => name !== other[index]);
  const [from, to] = [own[depth], other[depth]];
  if (from === undefined || to === undefined) return undefined;
  return { parent: own.slice(0, depth).join("/"), from, to };
}

test("findCircles() finds those that reach one another, and a file that imports itself", () => {
  const graph = { a: ["b"], b: ["c", "d"], c: ["a"], d: ["e"], e: [], f: ["f"], g: ["a"] };
  assert.deepEqual(findCircles(new Map(Object.entries(graph))), [["a", "b", "c"], ["f"]]);
});

test("pure folders, and what they import, import no Node module and read no clock, randomness or log", () => {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const pure = new Set(sources.filter(({ folder }) => PURE.has(folder)));
  for (const source of pure) {
    const targets = importsOf(source).map((specifier) => byPath.get(targetFile(source, specifier) ?? ""));
    for (const target of targets) if (target !== undefined) pure.add(target);
  }
  assert.ok(
    [...pure].some(({ path }) => path === "lib/json.ts"),
    "what they import is among them",
  );
  const wrong = [...pure]
    .filter(({ text }) =>
      /from "node:|Date\.now|new Date\(|performance\.|Math\.random|console\.|process\./.test(text),
    )
    .map(({ path }) => path);
  assert.deepEqual(wrong, []);
});

/** Packages of which one module alone says what is used of them (CONTRIBUTING.md). */
const WRAPPED: Readonly<Record<string, string>> = {
  netlink: "netlink/package.ts",
  "@kubernetes/client-node": "kube/api/credentials.ts",
};

test("a package that is wrapped is imported by its module alone, and by that", () => {
  for (const [name, wrapper] of Object.entries(WRAPPED)) {
    const importers = sources.filter((source) =>
      importsOf(source).some((specifier) => specifier === name || specifier.startsWith(`${name}/`)),
    );
    assert.deepEqual(
      importers.map(({ path }) => path),
      [wrapper],
    );
  }
});

test("only main.ts reads the environment or exits", () => {
  const wrong = sources
    .filter(({ path, text }) => path !== "main.ts" && /process\.(env|exit)\b/.test(text))
    .map(({ path }) => path);
  assert.deepEqual(wrong, []);
});

test("no function or value is exported that no other file uses", () => {
  const paths = ["agent", "bench", "deploy", "e2e"].flatMap((folder) =>
    readdirSync(new URL(`../${folder}`, AGENT), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .map((path) => `${folder}/${path}`),
  );
  const users = new Map<string, number>();
  const texts = paths.map((path) => ({ path, text: readFileSync(new URL(`../${path}`, AGENT), "utf8") }));
  for (const { text } of texts)
    for (const word of new Set(text.match(/[\w$]+/g))) users.set(word, (users.get(word) ?? 0) + 1);
  const unused = texts.flatMap(({ path, text }) =>
    [...text.matchAll(/^export (?:async )?(?:function\*?|const|let|class) (\w+)/gm)]
      .filter(([, name = ""]) => users.get(name) === 1)
      .map(([, name]) => `${path}: ${name}`),
  );
  assert.deepEqual(unused, []);
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

const MAX_FILES = 15;

test(`no folder has more than ${MAX_FILES} files of its own, but for those with golden data`, (context) => {
  const counts = new Map<string, number>();
  for (const entry of readdirSync(AGENT, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.parentPath.endsWith("/golden")) continue;
    const folder = entry.parentPath.slice(AGENT.pathname.length);
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  context.diagnostic(`${counts.size} folders: at most ${Math.max(...counts.values())} files`);
  assert.deepEqual(
    [...counts].filter(([, count]) => count > MAX_FILES),
    [],
  );
});

const MAX_COMMENT_COLUMNS = 110;

test(`no line of a comment is longer than ${MAX_COMMENT_COLUMNS} columns`, () => {
  const root = new URL("../", AGENT);
  const files = ["agent", "bench", "cni-shim", "e2e"].flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" })
      .filter((path) => /\.(?:ts|mts|c|h)$/.test(path))
      .map((path) => `${folder}/${path}`),
  );
  assert.ok(files.length > sources.length, "tests and C are looked at");
  const long = files.flatMap((path) =>
    readFileSync(new URL(path, root), "utf8")
      .split("\n")
      .flatMap((line, index) =>
        /^\s*(?:\/\/|\/\*| \*) /.test(line) && line.length > MAX_COMMENT_COLUMNS
          ? [`${path}:${index + 1}`]
          : [],
      ),
  );
  assert.deepEqual(long, []);
});

const MAX_MEDIAN_LINES = 120;

test(`the median of files that ship is at most ${MAX_MEDIAN_LINES} lines`, (context) => {
  const lines = sources.map(({ text }) => text.split("\n").length - 1).toSorted((a, b) => a - b);
  const median = lines[Math.floor(lines.length / 2)] ?? 0;
  context.diagnostic(`${lines.length} files: median ${median} lines, longest ${lines.at(-1)}`);
  assert.ok(median <= MAX_MEDIAN_LINES, `median ${median}`);
});

test("no file that ships is exempted from the linter's bound on the length of a function", (context) => {
  const config = JSON.parse(readFileSync(new URL("../.oxlintrc.json", AGENT), "utf8")) as LintConfig;
  const isBound = (rule: unknown): boolean => Array.isArray(rule) && rule[0] === "error";
  const rule = config.rules["max-lines-per-function"];
  assert.ok(isBound(rule), "the rule is on");
  context.diagnostic(`bound: ${JSON.stringify(rule)}`);
  const exempted = config.overrides
    .filter(({ rules }) => "max-lines-per-function" in rules)
    .flatMap(({ files }) => files);
  const shipped = sources.filter(({ path }) =>
    exempted.some((pattern) => matchesGlob(`agent/${path}`, pattern)),
  );
  assert.deepEqual(
    shipped.map(({ path }) => path),
    [],
  );
});

interface LintConfig {
  readonly rules: Readonly<Record<string, unknown>>;
  readonly overrides: readonly {
    readonly files: readonly string[];
    readonly rules: Readonly<Record<string, unknown>>;
  }[];
}
