import { constants, fstatSync, openSync } from "node:fs";
import type { Addon } from "./addon.ts";

const STANDARD_ERROR = 2;

/** Writes to stderr without waiting: gives how much was taken, or a negative error number. */
export type WriteNow = (bytes: Uint8Array) => number;

export function openStandardError(addon: Addon): WriteNow {
  const fd = openAnew(STANDARD_ERROR) ?? STANDARD_ERROR;
  return (bytes) => addon.write(fd, bytes);
}

/**
 * A description of our own for a pipe or a terminal, which does not wait: O_NONBLOCK on the one that was
 * handed to us would be on for all who have it. Undefined for other kinds of files, for a pipe that nobody
 * reads (ENXIO), and where the node does not let us: then `Addon.write` asks before it writes.
 */
function openAnew(fd: number): number | undefined {
  try {
    const kind = fstatSync(fd);
    if (!kind.isFIFO() && !kind.isCharacterDevice()) return undefined;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return undefined; // the old one does
  }
}
