import { constants } from "node:fs";
import { type FileHandle, mkdir, open, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { codeOf } from "./errors.ts";

/** What a file must be. */
export interface FileContent {
  readonly path: string;
  readonly content: Uint8Array;
  readonly mode: number;
}

/**
 * Writes a file whole or not at all: temporary file in the same folder, fsync, rename, fsync of the folder. A
 * program that runs or reads the old file keeps it, so a plugin in use is no "text file busy"
 * (containernetworking/cni#763).
 */
export async function writeFileAtomic({ path, content, mode }: FileContent): Promise<void> {
  const folder = dirname(path);
  const temporary = temporaryOf(path);
  try {
    await removeFile(temporary);
    await writeAndSync(temporary, content, mode);
    await rename(temporary, path);
    await syncFolder(folder);
  } catch (cause) {
    await removeFile(temporary).catch(() => undefined); // the first cause is the one to report
    throw new Error(`Cannot write "${path}": ${describeSystemError(cause)}`, { cause });
  }
}

/**
 * Where a file is written before it takes its place. The leading dot and missing suffix keep runtimes from
 * loading it; the fixed name lets a next run clear up after a crash.
 */
export function temporaryOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.causeway-tmp`);
}

async function writeAndSync(path: string, content: Uint8Array, mode: number): Promise<void> {
  const file: FileHandle = await open(
    path,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    mode,
  );
  try {
    await file.writeFile(content);
    await file.chmod(mode); // the umask does not decide who may run the plugin
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** What cannot be a file that we have written, whatever it holds. */
class NotOursError extends Error {}

/**
 * The content of a regular file of at most so many bytes. Opening anything else could wait forever, such as
 * for the writer of a FIFO, and keep one of the few threads that all files share; a device may have no end.
 */
export async function readRegularFile(path: string, maxBytes: number): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new NotOursError("not a regular file");
    if (stat.size > maxBytes) throw new NotOursError(`${stat.size} bytes are more than ${maxBytes}`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** More than any file has that the agent installs. */
const MAX_INSTALLED_BYTES = 64 * 1024 * 1024;

/** Of open(2): there is none, a socket, a link that leads to itself. */
const NO_FILE: ReadonlySet<unknown> = new Set(["ENOENT", "ENXIO", "ELOOP"]);

/** The file's content, or undefined when there is none, or what is there cannot be one that we have written. */
export async function readFileIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readRegularFile(path, MAX_INSTALLED_BYTES);
  } catch (cause) {
    if (cause instanceof NotOursError || NO_FILE.has(codeOf(cause))) return undefined;
    throw new Error(`Cannot read "${path}": ${describeSystemError(cause)}`, { cause });
  }
}

/**
 * Takes away what a file's mode allows beyond this one, and gives whether it did. One that is missing, or a
 * link to another file, is left alone.
 */
export async function tightenMode(path: string, mode: number): Promise<boolean> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    () => undefined,
  );
  if (file === undefined) return false;
  try {
    const current = (await file.stat()).mode & 0o7777;
    if ((current & ~mode) === 0) return false;
    await file.chmod(current & mode);
    return true;
  } catch (cause) {
    throw new Error(`Cannot change the mode of "${path}": ${describeSystemError(cause)}`, { cause });
  } finally {
    await file.close();
  }
}

/** Makes a folder and those above it, where they are missing. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o755 });
  } catch (cause) {
    throw new Error(`Cannot make folder "${path}": ${describeSystemError(cause)}`, { cause });
  }
}

/** Removes a file, and gives whether there was one. */
export async function removeFile(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return false;
    throw new Error(`Cannot remove "${path}": ${describeSystemError(cause)}`, { cause });
  }
}

/**
 * `EACCES: permission denied` without the path and call that Node adds, which the caller's sentence names
 * already.
 */
export function describeSystemError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message.split(",")[0] ?? error.message;
}
