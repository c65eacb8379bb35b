import { readdir } from "node:fs/promises";
import { join } from "node:path";

/** Endings that libcni loads (containernetworking/cni libcni/conf.go, ConfFiles). */
const CONF_ENDINGS = [".conf", ".conflist", ".json"];

/** Where our conflist is, and its file name. */
export interface ConflistPlace {
  readonly cniConfDir: string;
  readonly cniConfName: string;
}

/** Names of other files in the folder that runtimes load. */
export async function listOtherConfigurations({
  cniConfDir,
  cniConfName,
}: ConflistPlace): Promise<readonly string[]> {
  const names = await readdir(cniConfDir);
  return names
    .filter((name) => name !== cniConfName && CONF_ENDINGS.some((ending) => name.endsWith(ending)))
    .toSorted();
}

/** Paths of those that sort before ours: runtimes take the first (containerd/containerd#9171). */
export function rivalsAmong(
  others: readonly string[],
  { cniConfDir, cniConfName }: ConflistPlace,
): readonly string[] {
  return others.filter((name) => name < cniConfName).map((name) => join(cniConfDir, name));
}

export async function listRivals(place: ConflistPlace): Promise<readonly string[]> {
  return rivalsAmong(await listOtherConfigurations(place), place);
}
