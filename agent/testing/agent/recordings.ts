import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One call of a plugin as a runtime made it. */
export interface RecordedCall {
  /**
   * Name of the plugin that was called: "loopback", the main plugin of the network, or one that is chained to
   * it.
   */
  readonly plugin: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly stdin: string;
}

/** The calls of one scenario, in order. */
export interface Recording {
  /** Runtime, version and scenario. */
  readonly name: string;
  readonly calls: readonly RecordedCall[];
}

/** The scenarios kept in this repository: `RUNTIME_SCENARIO.jsonl`, a call each line. */
export function keptRecordings(): readonly Recording[] {
  const folder = join(import.meta.dirname, "recordings");
  return readdirSync(folder)
    .toSorted()
    .map((file) => ({
      name: file.replace(/\.jsonl$/, "").replace("_", "/"),
      calls: readFileSync(join(folder, file), "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => {
          const { plugin, env, stdin } = JSON.parse(line) as { plugin: string } & CallFile;
          return { plugin, environment: env, stdin };
        }),
    }));
}

/**
 * All scenarios of a folder `RUNTIME/SCENARIO/NUMBER-VERB-PLUGIN.json`; undefined when there is no such
 * folder.
 */
export function readRecordings(folder: string): readonly Recording[] | undefined {
  if (!existsSync(folder)) return undefined;
  return foldersOf(folder).flatMap((runtime) =>
    foldersOf(join(folder, runtime)).map((scenario) => ({
      name: `${runtime}/${scenario}`,
      calls: readCalls(join(folder, runtime, scenario)),
    })),
  );
}

interface CallFile {
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
}

function readCalls(folder: string): RecordedCall[] {
  return readdirSync(folder)
    .toSorted()
    .map((file) => {
      const plugin = /^\d+-[A-Z]+-(.+)\.json$/.exec(file)?.[1];
      if (plugin === undefined)
        throw new Error(`Cannot read "${join(folder, file)}": it is not NUMBER-VERB-PLUGIN.json`);
      const { env, stdin } = JSON.parse(readFileSync(join(folder, file), "utf8")) as CallFile;
      return { plugin, environment: env, stdin };
    });
}

function foldersOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .toSorted();
}
