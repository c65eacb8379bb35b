import { lstat, rename, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describeSystemError, readFileIfThere, removeFile, temporaryOf } from "../lib/files.ts";
import { LAST_CONFLIST_NAME, PLUGIN_TYPE } from "../plan/node/conflist.ts";
import { type HostFilesInput, isOurConflist } from "./host-files.ts";
import { listOtherConfigurations } from "./rival-conflists.ts";

export interface HostFilesRemoval extends Pick<HostFilesInput, "cniBinDir" | "cniConfDir" | "cniConfName"> {
  /** All that the agent has listened on, in one folder. */
  readonly sockets: readonly string[];
  /** Why a conflist and the plugins have to stay, if they have to. */
  readonly need: string | undefined;
  /** Hears what was removed, and what was kept and why, one sentence each. */
  readonly tell: (sentence: string) => void;
}

/** What every version of the shim says about itself (cni-shim/src/commands.c, run_about). */
const SHIM_WORDS = "CNI plugin of the Causeway node agent";

const isConflist = (content: Buffer): boolean => isOurConflist(content.toString("utf8"));
const isShim = (content: Buffer): boolean => content.includes(SHIM_WORDS);

/**
 * Removes what {@link ensureHostFiles} has made, and the sockets. The conflist goes first: without it no
 * runtime starts a pod that needs the rest. Where pods need it, it only takes a name behind all others: no
 * containerd stops a pod while there is none. What has one of our names and is somebody else's stays.
 */
export async function removeHostFiles(input: HostFilesRemoval): Promise<void> {
  const { cniBinDir, cniConfDir, cniConfName, sockets, need, tell } = input;
  const conflist = join(cniConfDir, cniConfName);
  const lastConflist = join(cniConfDir, LAST_CONFLIST_NAME);
  const plugin = join(cniBinDir, PLUGIN_TYPE);
  const loopback = join(cniBinDir, "loopback");
  const remove = async (path: string, isKind: (content: Buffer) => boolean): Promise<void> => {
    await removeFile(temporaryOf(path));
    const content = await readFileIfThere(path);
    if (content === undefined) return;
    if (!isKind(content)) tell(`Kept "${path}": it is not Causeway's`);
    else if (await removeFile(path)) tell(`Removed "${path}"`);
  };

  if (need !== undefined && (await isFileOf(conflist, isConflist)))
    await moveTo(lastConflist, conflist, tell);
  else await remove(conflist, isConflist);
  if (need === undefined) await remove(lastConflist, isConflist);
  for (const socket of sockets) {
    if ((await isSocket(socket)) && (await removeFile(socket))) tell(`Removed "${socket}"`);
    await removeEmptyFolder(dirname(socket));
  }
  if (need !== undefined) {
    if (await isFileOf(lastConflist, isConflist)) tell(`Kept "${lastConflist}": ${need}`);
    for (const path of [plugin, loopback]) if (await isFileOf(path, isShim)) tell(`Kept "${path}": ${need}`);
    return;
  }
  await remove(plugin, isShim);
  // Runtimes run it beside every network: who removes it from a node with another CNI ends all its pods'
  // starts.
  const [other] = await listOtherConfigurations(input).catch(() => []);
  if (!(await isFileOf(loopback, isShim))) return;
  if (other === undefined) await remove(loopback, isShim);
  else tell(`Kept "${loopback}": runtimes need one for "${join(cniConfDir, other)}", too`);
}

async function isFileOf(path: string, isKind: (content: Buffer) => boolean): Promise<boolean> {
  const content = await readFileIfThere(path);
  return content !== undefined && isKind(content);
}

/** In one step: at no time is there none. */
async function moveTo(target: string, path: string, tell: (sentence: string) => void): Promise<void> {
  if (target === path) return;
  try {
    await rename(path, target);
  } catch (cause) {
    throw new Error(`Cannot move "${path}" to "${target}": ${describeSystemError(cause)}`, { cause });
  }
  tell(`Renamed "${path}" so that it sorts last: "${target}"`);
}

async function isSocket(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isSocket() === true;
}

/** One that somebody else uses, or that is a mount, stays. */
async function removeEmptyFolder(path: string): Promise<void> {
  await rmdir(path).catch(() => undefined);
}
