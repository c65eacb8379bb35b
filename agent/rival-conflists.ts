import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { CONFLIST_NAME } from "./plan/conflist.ts";

/** Endings that libcni loads (containernetworking/cni libcni/conf.go, ConfFiles). */
const CONF_ENDINGS = [".conf", ".conflist", ".json"];

/** Configurations in the folder that sort before ours: runtimes take the first (containerd/containerd#9171). */
export async function listRivals(cniConfDir: string): Promise<readonly string[]> {
  const names = await readdir(cniConfDir);
  return names
    .filter((name) => name < CONFLIST_NAME && CONF_ENDINGS.some((ending) => name.endsWith(ending)))
    .toSorted()
    .map((name) => join(cniConfDir, name));
}
