import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, openSync, readlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";

/** Environment variables: the program that e2e/encryption/build.sh makes, and a folder for its sockets. */
export const USERSPACE_PROGRAM = "CAUSEWAY_WIREGUARD_PROGRAM";
export const USERSPACE_FOLDER = "CAUSEWAY_WIREGUARD_FOLDER";

/** Socket of a device of this process's network namespace. */
export function deviceSocket(name: string): string {
  const [netns] = /\d+/.exec(readlinkSync("/proc/self/ns/net")) ?? [];
  return join(process.env[USERSPACE_FOLDER] ?? "", `${netns}-${name}`);
}

export function isDevice(socket: string): boolean {
  return existsSync(socket);
}

/** Starts a device in this network namespace, and waits for it; false if its link cannot be made. */
export async function startDevice(name: string, mtu: number): Promise<boolean> {
  const socket = deviceSocket(name);
  const log = openSync(`${socket}.log`, "a");
  const child = spawn(process.env[USERSPACE_PROGRAM] ?? "", [name, String(mtu), socket], {
    stdio: ["ignore", "pipe", log],
    detached: true,
  });
  writeFileSync(`${socket}.pid`, String(child.pid));
  const { stdout } = child;
  if (stdout === null) throw new Error("Cannot hear the device's program");
  const exited = once(child, "exit").then(() => false);
  const isReady = await Promise.race([once(createInterface(stdout), "line").then(() => true), exited]);
  stdout.destroy();
  child.unref();
  return isReady;
}

/** Asks a device; undefined if there is none. */
export async function askDevice(name: string, request: string): Promise<string | undefined> {
  const socket = connect(deviceSocket(name));
  const closed = text(socket);
  try {
    await once(socket, "connect");
  } catch {
    await closed.catch(() => undefined);
    return undefined; // no device, or one whose program has ended with its link
  }
  socket.end(`${request}\n`);
  return closed;
}
