import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type NodeLab, readJson } from "./node-lab.ts";

type Json = Readonly<Record<string, unknown>>;

interface Conflist extends Json {
  readonly plugins: readonly [Json, ...Json[]];
}

export interface ConflistChanges {
  readonly name?: string;
  /** The only version that the list offers; without it those of the agent's own conflist. */
  readonly cniVersion?: string;
  readonly before?: readonly Json[];
  readonly after?: readonly Json[];
  /** Keys of our own plugin. */
  readonly plugin?: Json;
}

/**
 * Writes the conflist that the agent has installed with changes, under a file name of its own, and gives its
 * path.
 */
export function writeConflist(lab: NodeLab, fileName: string, changes: ConflistChanges): string {
  const { name, cniVersion, before = [], after = [], plugin = {} } = changes;
  const shipped = readJson(lab.conflist) as Conflist;
  const versions = cniVersion === undefined ? {} : { cniVersion, cniVersions: [cniVersion] };
  const conflist = {
    ...shipped,
    ...versions,
    name: name ?? shipped["name"],
    plugins: [...before, { ...shipped.plugins[0], ...plugin }, ...after],
  };
  const path = join(lab.folder, `${fileName}.conflist`);
  writeFileSync(path, JSON.stringify(conflist));
  return path;
}
