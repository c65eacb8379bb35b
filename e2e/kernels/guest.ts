import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { cpuMs } from "../../bench/usage.ts";
import { addLine, type GuestReport, newReport } from "./guest-report.ts";
import { SUITES, type SuiteName } from "./suites.ts";

export interface GuestInput {
  readonly kernel: string;
  readonly initramfs: string;
  /** Its root and its modules; what a guest writes is lost with it. */
  readonly disks: readonly [string, string];
  /** Further words of the kernel's command line. */
  readonly append: readonly string[];
  readonly suites: readonly SuiteName[];
  /** Hears each line of the console. */
  readonly onLine: (line: string) => void;
}

/**
 * A guest has hung when it has said nothing for so much of its own CPU time, or, asleep, for so long: a busy
 * machine alone makes it silent for minutes.
 */
const MAX_SILENCE = { cpuMs: 300_000, ms: 3_600_000 };
const LOOK_EVERY_MS = 5000;

/**
 * A guest's clock counts its instructions, two nanoseconds each, while it has anything to do: limits of tests
 * are limits of progress, however slow the emulation or busy this machine is. It has one CPU, since this
 * clock is of no use to more.
 */
const CLOCK = ["-icount", "shift=1,sleep=on", "-smp", "1"];

const MACHINE = "-machine q35,accel=tcg,smm=off -cpu max -m 2048 -nographic -no-reboot -nic none".split(" ");

/** Boots a guest without a network card under emulation, and waits until it powers itself off. */
export async function runGuest(input: GuestInput): Promise<GuestReport> {
  const words = ["console=ttyS0", "panic=-1", "edd=off", "loglevel=4", ...input.append];
  const suites = input.suites.map(
    (name) => `causeway.suite=${[name.replace(" ", "_"), ...SUITES[name]].join(",")}`,
  );
  const append = ["-append", [...words, ...suites].join(" ")];
  const boot = ["-kernel", input.kernel, "-initrd", input.initramfs];
  const drives = input.disks.flatMap((path) => ["-drive", `file=${path},format=raw,if=virtio,snapshot=on`]);
  const child = spawn("qemu-system-x86_64", [...MACHINE, ...CLOCK, ...boot, ...drives, ...append], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const report = newReport();
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  const clocks = () => ({ cpuMs: isRunning() ? cpuMs(child.pid ?? 0) : 0, ms: performance.now() });
  let heard = clocks();
  const watchdog = setInterval(() => {
    const now = clocks();
    const isHung = now.cpuMs - heard.cpuMs > MAX_SILENCE.cpuMs || now.ms - heard.ms > MAX_SILENCE.ms;
    if (isHung) child.kill("SIGKILL");
  }, LOOK_EVERY_MS);
  for await (const raw of createInterface({ input: child.stdout })) {
    heard = clocks();
    const line = raw.trimEnd();
    input.onLine(line);
    addLine(report, line);
  }
  clearInterval(watchdog);
  return report;
}
