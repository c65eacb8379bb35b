import { readFile } from "node:fs/promises";

/** Text of a file; undefined when there is none, or it may not be read here. */
export async function readText(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch(() => undefined);
}

/**
 * Rows of /proc/net/tcp, /proc/net/udp and their like, by field: `sl local_address rem_address st queues
 * tr:when retrnsmt uid timeout inode …`.
 */
export function splitSockets(text: string): readonly (readonly string[])[] {
  return text.split("\n").map((line) => line.trim().split(/\s+/));
}

/** Number that a sysctl holds, given by its path below /proc/sys; undefined when there is no such sysctl. */
export async function readSysctl(path: string): Promise<number | undefined> {
  const text = await readText(`/proc/sys/${path}`);
  return text === undefined ? undefined : Number(text);
}
