import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findPackaged } from "../lib/tools.ts";
import { runGuest } from "./guest.ts";

/** What CI boots; each is a folder of e2e/lib/packages.sh. */
const KERNELS = ["kernel-6.1"];

for (const name of KERNELS) {
  const folder = findPackaged("kernels", name);
  const image = readdirSync(join(folder, "boot")).find((file) => file.startsWith("vmlinuz-")) ?? "";
  const busybox = findPackaged("kernels", "busybox/bin");

  test(`a node whose kernel has no IPv6 (${image.replace("vmlinuz-", "")}, ipv6.disable=1)`, async (context) => {
    const initramfs = join(process.env["CAUSEWAY_E2E_FOLDER"] ?? "", `${name}.cpio`);
    execFileSync(join(import.meta.dirname, "make-initramfs.sh"), [folder, initramfs], {
      env: { ...process.env, PATH: `${busybox}:/usr/sbin:/sbin:${process.env["PATH"]}` },
      stdio: "inherit",
    });
    context.after(() => rmSync(initramfs));
    const { passed, failed, exitCode } = await runGuest({
      kernel: join(folder, "boot", image),
      initramfs,
      append: ["ipv6.disable=1"],
      program: "no-ipv6.ts",
      onLine: (line) => context.diagnostic(line),
    });
    assert.deepEqual(failed, []);
    assert.equal(exitCode, 0);
    assert.ok(passed.length > 0);
  });
}
