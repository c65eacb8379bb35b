import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type FileContent, makeFolder, readFileIfThere, writeFileAtomic } from "../files.ts";
import { CONFLIST_NAME, PLUGIN_TYPE } from "../plan/conflist.ts";
import { listRivals } from "../rival-conflists.ts";

export interface HostFilesInput {
  readonly cniBinDir: string;
  readonly cniConfDir: string;
  /** The shim as built into the image. */
  readonly shim: Uint8Array;
  readonly conflist: string;
}

export interface HostFilesOutcome {
  /** Paths that were written. */
  readonly written: readonly string[];
  /** Configurations that runtimes load instead of ours, because their names sort before it. */
  readonly rivals: readonly string[];
}

/**
 * Makes the node's two host files, and a loopback plugin where the node has none, as they must be. The conflist comes last: with it
 * the runtime calls the node ready (commitment 5). Only what differs is written, so that nobody's file watch fires for nothing.
 */
export async function ensureHostFiles(input: HostFilesInput): Promise<HostFilesOutcome> {
  const { cniBinDir, cniConfDir, shim, conflist } = input;
  // Where a runtime looks there is a folder, or none yet on a host that was just made. An existing one keeps its mode.
  for (const folder of [cniBinDir, cniConfDir]) await makeFolder(folder);
  const written: string[] = [];
  const ensure = async (file: FileContent, isAsPlanned: (current: Buffer) => boolean): Promise<void> => {
    const current = await readFileIfThere(file.path);
    if (current !== undefined && isAsPlanned(current)) return;
    await writeFileAtomic(file);
    written.push(file.path);
  };
  const isShim = (current: Buffer): boolean => current.equals(shim);
  await ensure({ path: join(cniBinDir, PLUGIN_TYPE), content: shim, mode: 0o755 }, isShim);
  await ensure(
    { path: join(cniBinDir, "loopback"), content: shim, mode: 0o755 },
    (current) => current.length > 0,
  );
  await ensure(
    { path: join(cniConfDir, CONFLIST_NAME), content: Buffer.from(conflist), mode: 0o644 },
    (current) => servesConflist(current.toString("utf8"), conflist),
  );
  return { written, rivals: await listRivals(cniConfDir) };
}

/**
 * Whether a conflist still does what ours does. Others may append plugins to the chain (istio/istio#32809): only a change of
 * our own entry, or of the keys around it, is a reason to write.
 */
export function servesConflist(current: string, planned: string): boolean {
  try {
    const { plugins: currentPlugins, ...currentKeys } = JSON.parse(current) as {
      plugins?: readonly unknown[];
    };
    const { plugins: plannedPlugins, ...plannedKeys } = JSON.parse(planned) as {
      plugins: readonly unknown[];
    };
    return (
      isDeepStrictEqual(currentKeys, plannedKeys) && isDeepStrictEqual(currentPlugins?.[0], plannedPlugins[0])
    );
  } catch {
    return false; // not JSON: damaged
  }
}
