import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { observeCommand, runCommand } from "../lib/command.ts";
import { REPOSITORY } from "../lib/tools.ts";

export const CHART = join(REPOSITORY, "charts", "causeway");
export const CACHE = process.env["CAUSEWAY_CACHE"] ?? join(REPOSITORY, ".cache");

export interface Values {
  /** Paths of values files. */
  readonly files?: readonly string[];
  /** As `--set-json` takes them: "key=JSON". */
  readonly set?: readonly string[];
}

/** One helm program, with folders of its own. */
export interface Helm {
  readonly version: string;
  /** As {@link openHelm} takes it. */
  readonly folder: string;
  /** Path of the program. */
  readonly program: string;
  lint(values?: Values): Promise<string>;
  /** The rendered objects as text, those of `helm test` included. */
  template(values?: Values): Promise<string>;
  /** What helm says of values that it must not accept. */
  refuse(values: Values): Promise<string>;
  /** NOTES.txt, as an installation prints it. */
  notes(values?: Values): Promise<string>;
  close(): void;
}

/** `folder`: below the cache, as `packages.sh chart` names it. `chart`: the chart's folder. */
export async function openHelm(folder: string, chart: string = CHART): Promise<Helm> {
  const program = join(CACHE, folder, "helm");
  const home = mkdtempSync(join(tmpdir(), "causeway-helm-"));
  const environment = ["CACHE", "CONFIG", "DATA"].map((kind) => `HELM_${kind}_HOME=${home}`);
  const words = (...args: readonly string[]): string[] => ["env", ...environment, program, ...args];
  const template = (values: Values, ...more: readonly string[]): string[] =>
    words("template", "causeway", chart, "--namespace", "kube-system", ...flags(values), ...more);
  return {
    version: (await runCommand(words("version", "--short"))).trim(),
    folder,
    program,
    lint: (values = {}) => runCommand(words("lint", "--strict", chart, ...flags(values))),
    template: (values = {}) => runCommand(template(values)),
    async refuse(values) {
      const { code, stdout, stderr } = await observeCommand(template(values));
      if (code === 0) throw new Error(`helm accepts ${JSON.stringify(values)}: ${stdout}`);
      return stderr;
    },
    notes: (values = {}) =>
      runCommand(
        words(
          "install",
          "causeway",
          chart,
          "--namespace",
          "kube-system",
          "--dry-run=client",
          ...flags(values),
        ),
      ),
    close: () => rmSync(home, { recursive: true }),
  };
}

function flags({ files = [], set = [] }: Values): string[] {
  return [...files.flatMap((file) => ["--values", file]), ...set.flatMap((value) => ["--set-json", value])];
}
