import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface GuestInput {
  readonly kernel: string;
  readonly initramfs: string;
  /** Further words of the kernel's command line. */
  readonly append: readonly string[];
  /** File below e2e/kernels/guest. */
  readonly program: string;
  /** Hears each line of the console. */
  readonly onLine: (line: string) => void;
}

/** What a program in a guest has shown: one entry for each of its steps. */
export interface GuestOutcome {
  readonly passed: readonly string[];
  readonly failed: readonly string[];
  /** Exit code of the program; undefined when the guest never came so far. */
  readonly exitCode: number | undefined;
}

/** A guest is slow, and slower on a busy machine: it has hung when it has said nothing for so long. */
const SILENCE_MS = 300_000;

/** Boots a guest with two CPUs and no network card under emulation, and waits until it powers itself off. */
export async function runGuest(input: GuestInput): Promise<GuestOutcome> {
  const commandLine = [
    "console=ttyS0",
    "panic=-1",
    "edd=off",
    "loglevel=4",
    `causeway.test=${input.program}`,
  ];
  const machine =
    "-machine q35,accel=tcg,smm=off -cpu max -smp 2 -m 2048 -nographic -no-reboot -nic none".split(" ");
  const boot = ["-kernel", input.kernel, "-initrd", input.initramfs];
  const append = ["-append", [...commandLine, ...input.append].join(" ")];
  const child = spawn("qemu-system-x86_64", [...machine, ...boot, ...append], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const passed: string[] = [];
  const failed: string[] = [];
  let exitCode: number | undefined;
  let watchdog = setTimeout(() => child.kill("SIGKILL"), SILENCE_MS);
  for await (const raw of createInterface({ input: child.stdout })) {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => child.kill("SIGKILL"), SILENCE_MS);
    const line = raw.trimEnd();
    input.onLine(line);
    const [, verdict, name] = /^(ok|not ok) - (.*)$/.exec(line) ?? [];
    if (name !== undefined) (verdict === "ok" ? passed : failed).push(name);
    const end = /^guest: exit (\d+)$/.exec(line)?.[1];
    if (end !== undefined) exitCode = Number(end);
  }
  clearTimeout(watchdog);
  return { passed, failed, exitCode };
}
