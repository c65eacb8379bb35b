import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { cpuMs } from "../../bench/usage.ts";
import { addLine, type GuestReport, newReport } from "./guest-report.ts";
import { APPENDED, SUITES, type SuiteName } from "./suites.ts";

export interface GuestInput {
  readonly kernel: string;
  /** All that it has, in memory; what a guest writes is lost with it. */
  readonly initramfs: string;
  readonly suite: SuiteName;
  /** Hears each line of the console. */
  readonly onLine: (line: string) => void;
  /** Its network card, and the other guest that the cable leads to. */
  readonly cable?: Cable | undefined;
  /** Ends it. */
  readonly signal?: AbortSignal;
}

/** One end of a cable between two guests. */
export interface Cable {
  /** Of the two, 1 or 2. */
  readonly node: 1 | 2;
  /** For the sockets of both ends. */
  readonly folder: string;
}

/**
 * A guest has hung when it has said nothing for so much of its own CPU time, or, asleep, for so long: a busy
 * machine alone makes it silent for minutes.
 */
const MAX_SILENCE = { cpuMs: 300_000, ms: 3_600_000 };
const LOOK_EVERY_MS = 5000;

/**
 * A guest's clock counts its instructions, two nanoseconds each, while it has anything to do: limits of tests
 * are limits of progress, however slow the emulation or busy this machine is. What it waits for is a timer,
 * since it keeps everything in memory: the clock goes on to that at once, and nobody waits for minutes that a
 * guest sleeps through. One that hears another guest sleeps as long as it says. It has one CPU, since this
 * clock is of no use to more.
 */
const clockFlags = (isAlone: boolean): readonly string[] => [
  "-icount",
  `shift=1,sleep=${isAlone ? "off" : "on"}`,
  "-smp",
  "1",
];

/** Without the string instructions by which kernels clear pages where they are fast: each byte is one turn. */
const CPU = "max,erms=off,fsrm=off";

export const MEMORY_MB = 3072;
const MACHINE =
  `-machine q35,accel=tcg,smm=off -cpu ${CPU} -m ${MEMORY_MB} -nographic -no-reboot -nic none`.split(" ");

const INIT = "rdinit=/causeway/e2e/kernels/init.sh";

/** A frame is a datagram between two Unix sockets: nothing of it touches the machine's network. */
function cableFlags({ node, folder }: Cable): readonly string[] {
  const ends = `local.type=unix,local.path=${folder}/${node},remote.type=unix,remote.path=${folder}/${3 - node}`;
  const card = `virtio-net-pci,netdev=cable,romfile=,mac=52:54:00:00:00:0${node}`;
  return ["-netdev", `dgram,id=cable,${ends}`, "-device", card];
}

/** Boots a guest under emulation, and waits until it powers itself off. */
export async function runGuest(input: GuestInput): Promise<GuestReport> {
  const { cable, signal, suite } = input;
  const node = cable === undefined ? [] : [`causeway.node=${cable.node}`];
  const words = [
    "console=ttyS0",
    INIT,
    "panic=-1",
    "edd=off",
    "loglevel=4",
    ...(APPENDED[suite] ?? []),
    ...node,
  ];
  const what = `causeway.suite=${[suite.replace(" ", "_"), ...SUITES[suite]].join(",")}`;
  const append = ["-append", [...words, what].join(" ")];
  const boot = ["-kernel", input.kernel, "-initrd", input.initramfs];
  const card = cable === undefined ? [] : cableFlags(cable);
  const clock = clockFlags(cable === undefined);
  const child = spawn("qemu-system-x86_64", [...MACHINE, ...clock, ...boot, ...card, ...append], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const end = (): void => void child.kill("SIGKILL");
  signal?.addEventListener("abort", end);
  const report = newReport();
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  let usedMs = 0;
  const clocks = () => {
    // What it has said before its end may come after that.
    if (isRunning()) usedMs = cpuMs(child.pid ?? 0);
    return { cpuMs: usedMs, ms: performance.now() };
  };
  let heard = clocks();
  const watchdog = setInterval(() => {
    const now = clocks();
    const isHung = now.cpuMs - heard.cpuMs > MAX_SILENCE.cpuMs || now.ms - heard.ms > MAX_SILENCE.ms;
    if (isHung) end();
  }, LOOK_EVERY_MS);
  for await (const raw of createInterface({ input: child.stdout })) {
    heard = clocks();
    const line = raw.trimEnd();
    input.onLine(line);
    addLine(report, line, heard.cpuMs);
  }
  clearInterval(watchdog);
  return report;
}
