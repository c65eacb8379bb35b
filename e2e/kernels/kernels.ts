import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { findPackaged } from "../lib/tools.ts";
import type { GuestInput } from "./guest.ts";

/** Of Debian 11, 12 and 13, and the newest that it has; each is a folder of e2e/lib/packages.sh. */
export const KERNELS = ["5.10", "6.1", "6.12", "newest"] as const;
export type KernelName = (typeof KERNELS)[number];

export type BootFiles = Pick<GuestInput, "image" | "initramfs">;

/**
 * Makes what a guest boots from below `folder`, unless it is there; in one turn, so that guests that start at
 * once find it whole.
 */
export function prepareBoot(name: KernelName, folder: string): BootFiles {
  const packaged = findPackaged("kernels", `kernel-${name}`);
  const files = {
    image: findImage(packaged),
    initramfs: join(folder, `${name}.cpio`),
  } as const;
  const root = join(folder, "root.cpio");
  const make = (script: string, ...parameters: readonly string[]): void => {
    execFileSync(join(import.meta.dirname, script), parameters, { stdio: "inherit" });
  };
  if (!existsSync(root)) make("make-root.sh", root);
  if (!existsSync(files.initramfs)) make("make-boot.sh", packaged, root, files.initramfs);
  return files;
}

/** In /boot, or, since Debian 14, with the modules. */
function findImage(packaged: string): string {
  const modules = join(packaged, "lib", "modules");
  const folders = [join(packaged, "boot"), ...readdirSync(modules).map((version) => join(modules, version))];
  for (const folder of folders.filter((path) => existsSync(path))) {
    const image = readdirSync(folder).find((file) => file.startsWith("vmlinuz"));
    if (image !== undefined) return join(folder, image);
  }
  throw new Error(`Cannot find a kernel below "${packaged}"`);
}
