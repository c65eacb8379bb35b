import { join } from "node:path";
import { runCommand } from "./command.ts";
import { type ManagedProcess, startProcess } from "./process.ts";

/** Port of every mirror; each runs in a network namespace of its own. */
export const MIRROR_PORT = 7777;

/** Starts a TCP server behind `enter` that tells every client the source address it sees of it. */
export async function startMirror(
  name: string,
  enter: readonly string[],
  folder: string,
): Promise<ManagedProcess> {
  const script = join(import.meta.dirname, "mirror-server.ts");
  const command = [...enter, process.execPath, script, String(MIRROR_PORT)];
  const server = await startProcess({ name, command, folder });
  await server.waitForLine(/^listening$/, 5000);
  return server;
}

/**
 * The source address that the mirror at `address`, or behind another port there, sees of a client behind
 * `enter`.
 */
export async function askMirror(
  busybox: string,
  enter: readonly string[],
  address: string,
  port: number = MIRROR_PORT,
): Promise<string> {
  return (await runCommand([...enter, busybox, "nc", "-w", "3", address, String(port)])).trim();
}
