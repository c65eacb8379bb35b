import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import {
  type FileContent,
  makeFolder,
  readFileIfThere,
  removeFile,
  tightenMode,
  writeFileAtomic,
} from "../lib/files.ts";
import { CONFLIST_NAME, LAST_CONFLIST_NAME, NETWORK_NAME, PLUGIN_TYPE } from "../plan/node/conflist.ts";
import { listOtherConfigurations, rivalsAmong } from "./rival-conflists.ts";

export interface HostFilesInput {
  readonly cniBinDir: string;
  readonly cniConfDir: string;
  /** File name of the conflist. */
  readonly cniConfName: string;
  /** Modes of the conflist and of plugins. */
  readonly cniConfMode: number;
  readonly cniBinMode: number;
  /** The shim as built into the image. */
  readonly shim: Uint8Array;
  readonly conflist: string;
}

export interface HostFilesOutcome {
  /** Paths that were written, or whose mode was. */
  readonly written: readonly string[];
  /** Conflists of ours under names that they had before. */
  readonly removed: readonly string[];
  /** Configurations that runtimes load instead of ours, because their names sort before it. */
  readonly rivals: readonly string[];
}

/**
 * Makes the node's two host files, and a loopback plugin where the node has none, as they must be. The
 * conflist comes last: with it the runtime calls the node ready (commitment 5). Only what differs is written,
 * so that nobody's file watch fires for nothing.
 */
export async function ensureHostFiles(input: HostFilesInput): Promise<HostFilesOutcome> {
  const { cniBinDir, cniConfDir, cniConfName, shim, conflist, cniBinMode, cniConfMode } = input;
  // Where a runtime looks there is a folder, or none yet on a host that was just made. An existing one keeps
  // its mode.
  for (const folder of [cniBinDir, cniConfDir]) await makeFolder(folder);
  const written: string[] = [];
  const loopback = join(cniBinDir, "loopback");
  const ensure = async (file: FileContent, isAsPlanned: (current: Buffer) => boolean): Promise<void> => {
    const { path, content, mode } = file;
    const current = await readFileIfThere(path);
    if (current === undefined || !isAsPlanned(current)) await writeFileAtomic(file);
    // A loopback that somebody else brought has the mode that he gave it.
    else if (path === loopback && !current.equals(content)) return;
    else if (!(await tightenMode(path, mode))) return;
    written.push(path);
  };
  const isShim = (current: Buffer): boolean => current.equals(shim);
  await ensure({ path: join(cniBinDir, PLUGIN_TYPE), content: shim, mode: cniBinMode }, isShim);
  await ensure({ path: loopback, content: shim, mode: cniBinMode }, (current) => current.length > 0);
  await ensure(
    { path: join(cniConfDir, cniConfName), content: Buffer.from(conflist), mode: cniConfMode },
    (current) => servesConflist(current.toString("utf8"), conflist),
  );
  const others = await listOtherConfigurations(input);
  const removed = await removeFormerConflists(input, others);
  const rivals = rivalsAmong(others, input).filter((path) => !removed.includes(path));
  return { written, removed, rivals };
}

/** Names that conflists of ours have whatever the configuration says. */
const OWN_NAMES: ReadonlySet<string> = new Set([CONFLIST_NAME, LAST_CONFLIST_NAME]);

/**
 * Whether a conflist still does what ours does. Others may append plugins to the chain (istio/istio#32809):
 * only a change of our own entry, or of the keys around it, is a reason to write.
 */
export function servesConflist(current: string, planned: string): boolean {
  try {
    const { plugins: currentPlugins, ...currentKeys } = JSON.parse(current) as Conflist;
    const { plugins: plannedPlugins = [], ...plannedKeys } = JSON.parse(planned) as Conflist;
    return (
      isDeepStrictEqual(currentKeys, plannedKeys) && isDeepStrictEqual(currentPlugins?.[0], plannedPlugins[0])
    );
  } catch {
    return false; // not JSON: damaged
  }
}

interface Conflist {
  readonly name?: unknown;
  readonly plugins?: readonly unknown[];
}

/**
 * Whether a conflist is of this agent, of whatever version: under the name that is ours, that is enough to
 * know.
 */
export function isOurConflist(text: string): boolean {
  try {
    const { name, plugins } = JSON.parse(text) as Conflist;
    const first = plugins?.[0] as { readonly type?: unknown } | undefined;
    return name === NETWORK_NAME && first?.type === PLUGIN_TYPE;
  } catch {
    return false;
  }
}

/**
 * Removes conflists that an agent of another `--cni-conf-name`, or an uninstallation, left: those of names
 * that are ours anyway, and those that are ours to the letter. One that somebody made of ours, for a chain of
 * his own, stays.
 */
async function removeFormerConflists(
  { cniConfDir, conflist }: HostFilesInput,
  others: readonly string[],
): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const name of others) {
    if (!name.endsWith(".conflist")) continue;
    const path = join(cniConfDir, name);
    // What an agent without CAP_DAC_OVERRIDE cannot read is somebody else's, and no reason not to be ready.
    const content = await readFileIfThere(path).catch(() => undefined);
    const text = content?.toString("utf8") ?? "";
    const isOurs = OWN_NAMES.has(name) ? isOurConflist(text) : text === conflist;
    if (isOurs && (await removeFile(path))) removed.push(path);
  }
  return removed;
}
