import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build, type Plugin } from "esbuild";

const PROGRAM = "dist/causeway.mjs";

/**
 * Builds the shipped program: one file, whose text V8 keeps in memory, so no more than is needed gets into
 * it, and no blanks. Names stay, for the sake of stack traces. What is in it is told beside it, for the
 * image's bill of materials.
 */
const { metafile } = await build({
  entryPoints: ["agent/main.ts"],
  outfile: PROGRAM,
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: true,
  legalComments: "none",
  logLevel: "warning",
  metafile: true,
  banner: {
    js: "import { createRequire as causewayRequire } from 'node:module'; const require = causewayRequire(import.meta.url);",
  },
  alias: {
    http: "./agent/bundle/builtin-http.cjs",
    "node:http": "./agent/bundle/builtin-http.cjs",
    undici: "./agent/bundle/no-undici.cjs",
  },
  plugins: [withoutUnusedModulesOf("@kubernetes/client-node")],
});
writeFileSync("dist/metafile.json", JSON.stringify(metafile));
assertAscii(readFileSync(PROGRAM, "utf8"));

/**
 * One character beyond ASCII, which esbuild leaves in tagged templates, makes V8 keep two bytes of each: 1.5
 * MB of an agent's memory.
 */
function assertAscii(text: string): void {
  // oxlint-disable-next-line no-control-regex -- all of ASCII
  const at = text.search(/[^\u0000-\u007F]/);
  if (at === -1) return;
  throw new Error(
    `${PROGRAM} has a character beyond ASCII: write it as an escape: …${text.slice(at - 60, at + 20)}…`,
  );
}

/**
 * A package that does not say so has modules without side effects: those that nothing is imported from are
 * left out. Of client-node that is a class for each kind of Kubernetes object, nearly 800 modules, half of
 * the program and 6 MB of the agent's memory.
 */
function withoutUnusedModulesOf(packageName: string): Plugin {
  const folder = `/node_modules/${packageName}/`;
  return {
    name: `without-unused-modules-of-${packageName}`,
    setup({ onResolve }) {
      // Its modules name one another by whole paths: to ask esbuild for each would take ten seconds of CPU.
      onResolve({ filter: /^\./ }, ({ path, importer, resolveDir }) =>
        importer.includes(folder) ? { path: join(resolveDir, path), sideEffects: false } : undefined,
      );
    },
  };
}
