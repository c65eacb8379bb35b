import { readdir, readlink } from "node:fs/promises";
import type { PortHolder, UdpPort } from "../diagnosis/udp-port.ts";
import { readText, splitSockets } from "./read-proc.ts";

/**
 * Who has a UDP port of the node. To look through all processes is worth it only where a device of ours is
 * not whole.
 */
export async function observeUdpPort(
  port: number,
  { isWhole }: { readonly isWhole: boolean },
): Promise<UdpPort> {
  const tables = await Promise.all(["/proc/net/udp", "/proc/net/udp6"].map((path) => readText(path)));
  const inodes = tables.flatMap((text = "") => socketsOn(text, port));
  const holders = isWhole || inodes.length === 0 ? [] : await findHolders(new Set(inodes));
  return { port, isBound: inodes.length > 0, holders };
}

/** Inodes of the sockets bound to a port, of /proc/net/udp. */
export function socketsOn(text: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return splitSockets(text)
    .filter((fields) => fields[1]?.endsWith(suffix) === true)
    .map((fields) => fields[9] ?? "");
}

/** Processes with one of the sockets; those of other pods are not seen without the host's process IDs. */
async function findHolders(inodes: ReadonlySet<string>): Promise<readonly PortHolder[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const holders = await Promise.all(
    pids.map(async (pid) => {
      const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
      const targets = await Promise.all(
        descriptors.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")),
      );
      const isHolder = targets.some((target) => inodes.has(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? ""));
      if (!isHolder) return [];
      return [{ pid: Number(pid), name: ((await readText(`/proc/${pid}/comm`)) ?? "").trim() }];
    }),
  );
  return holders.flat();
}
