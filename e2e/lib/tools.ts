import { existsSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "./command.ts";

export const REPOSITORY = join(import.meta.dirname, "..", "..");

/**
 * A containerd with its shim and its own ctr: one of another version imports images that CRI does not see.
 */
export interface ContainerdTools {
  readonly binFolder: string;
  readonly version: string;
  readonly majorVersion: number;
}

/** What `packages.sh containerd` has put into the cache. */
export interface Tools {
  /** Those to try: the one that CONTAINERD names, else the oldest and the newest. */
  readonly containerds: readonly ContainerdTools[];
  readonly containerdNew: ContainerdTools;
  readonly runc: string;
  readonly busybox: string;
  readonly criApi: string;
}

/** Finds the tools; throws when the packages have not been fetched. */
export async function findTools(): Promise<Tools> {
  const find = (path: string): string => findPackaged("containerd", path);
  const { CONTAINERD: chosen } = process.env;
  const names = chosen === undefined ? ["1.6", "newest"] : [chosen];
  return {
    containerds: await Promise.all(
      names.map((name) => inspectContainerd(find(`containerd-${name}/usr/bin`))),
    ),
    containerdNew: await inspectContainerd(find("containerd-newest/usr/bin")),
    runc: find("runc/usr/sbin/runc"),
    busybox: find("busybox/bin/busybox"),
    criApi: find("cri-api"),
  };
}

/** Path of something below `packages` in the cache; throws when `packages.sh` has not put it there. */
export function findPackaged(set: string, path: string): string {
  return findCached(set, join("packages", path));
}

/** Path of something that `packages.sh` has put into the cache for a set; throws when it is not there. */
export function findCached(set: string, path: string): string {
  const cache = process.env["CAUSEWAY_CACHE"] ?? join(REPOSITORY, ".cache");
  const full = join(cache, path);
  if (!existsSync(full)) throw new Error(`Cannot find "${full}": run e2e/lib/packages.sh ${set} first`);
  return full;
}

export async function inspectContainerd(binFolder: string): Promise<ContainerdTools> {
  const said = await runCommand([join(binFolder, "containerd"), "--version"]);
  const [, version, major] = /\b((\d+)\.\d+\.\d+)/.exec(said) ?? [];
  if (version === undefined)
    throw new Error(`Cannot tell the version of ${binFolder}/containerd from "${said.trim()}"`);
  return { binFolder, version, majorVersion: Number(major) };
}
