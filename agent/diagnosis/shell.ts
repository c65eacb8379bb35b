import { TABLE_NAME } from "../plan/nft/nft-table.ts";

/** One word of a shell command, in quotes where it needs them. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Sets a link up. */
export function upCommand(link: string): string {
  return `ip link set dev ${shellWord(link)} up`;
}

/** Adds an element, as nft writes it, to a set of our tables. */
export function elementCommand(family: "inet" | "bridge", set: string, element: string): string {
  return `nft add element ${family} ${TABLE_NAME} ${set} ${shellWord(`{ ${element} }`)}`;
}

/** Sets a sysctl, given by its path below /proc/sys: with slashes where a link's name holds a dot. */
export function sysctlCommand(path: string, value: number): string {
  const name = path.includes(".") ? path : path.replaceAll("/", ".");
  return `sysctl -w ${shellWord(`${name}=${value}`)}`;
}

/** Commands of which each needs the one before it. */
export function allOf(...commands: readonly string[]): string {
  return commands.join(" && ");
}
