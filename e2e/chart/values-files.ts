import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { REPOSITORY } from "../lib/tools.ts";

/** A values file that the chart is rendered with. */
export interface ValuesFile {
  readonly name: string;
  /** None for the defaults. */
  readonly files: readonly string[];
}

const FOLDERS = [join(REPOSITORY, "deploy", "examples"), join(import.meta.dirname, "values")];

/** The defaults, the examples, and what only tests need. */
export const VALUES_FILES: readonly ValuesFile[] = [
  { name: "defaults", files: [] },
  ...FOLDERS.flatMap((folder) =>
    readdirSync(folder)
      .toSorted()
      .map((file): ValuesFile => ({ name: basename(file, ".yaml"), files: [join(folder, file)] })),
  ),
];
