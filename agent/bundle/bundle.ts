import { writeFileSync } from "node:fs";
import { build, type Plugin } from "esbuild";

/**
 * Builds the shipped program: one file, whose text V8 keeps in memory, so no more than is needed gets into it, and no blanks. Names stay, for
 * the sake of stack traces. What is in it is told beside it, for the image's bill of materials.
 */
const { metafile } = await build({
  entryPoints: ["agent/main.ts"],
  outfile: "dist/causeway.mjs",
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

/**
 * A package that does not say so has modules without side effects: those that nothing is imported from are left out. Of client-node that is a
 * class for each kind of Kubernetes object, nearly 800 modules, half of the program and 6 MB of the agent's memory.
 */
function withoutUnusedModulesOf(packageName: string): Plugin {
  const folder = `/node_modules/${packageName}/`;
  const asked = Symbol("asked esbuild");
  return {
    name: `without-unused-modules-of-${packageName}`,
    setup({ onResolve, resolve }) {
      onResolve({ filter: /^[.@]/ }, async ({ path, ...options }) => {
        const isInside = path.startsWith(".") && options.importer.includes(folder);
        if (options.pluginData === asked || !(isInside || path === packageName)) return undefined;
        return { ...(await resolve(path, { ...options, pluginData: asked })), sideEffects: false };
      });
    },
  };
}
