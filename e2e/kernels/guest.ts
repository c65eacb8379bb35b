import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { cpuMs } from "../../bench/usage.ts";
import { addLine, type GuestReport, newReport } from "./guest-report.ts";
import { type KernelName } from "./kernels.ts";
import { APPENDED, PROCESSORS, SUITES, type SuiteName } from "./suites.ts";
import { type Clocks, createWatchdog } from "./watchdog.ts";

export interface GuestInput {
  readonly kernel: KernelName;
  /** The file that it boots. */
  readonly image: string;
  /** All that it has, in memory; what a guest writes is lost with it. */
  readonly initramfs: string;
  readonly suite: SuiteName;
  /** Hears each line of the console. */
  readonly onLine: (line: string) => void;
  /** Its network card, and the other guest that the cable leads to. */
  readonly cable?: Cable | undefined;
  /** Ends it, since its partner has failed. */
  readonly signal?: AbortSignal;
}

/** One end of a cable between two guests. */
export interface Cable {
  /** Of the two, 1 or 2. */
  readonly node: 1 | 2;
  /** For the sockets of both ends. */
  readonly folder: string;
}

const LOOK_EVERY_MS = 5000;

/**
 * A guest's clock counts its instructions, two nanoseconds each, while it has anything to do: limits of tests
 * are limits of progress, however slow the emulation or busy this machine is. What it waits for is a timer,
 * since it keeps everything in memory: the clock goes on to that at once, and nobody waits for minutes that a
 * guest sleeps through. One that hears another guest sleeps as long as it says. This clock is of no use to
 * more than one processor: a guest with two has the machine's.
 */
function clockFlags(processors: number, isAlone: boolean): readonly string[] {
  const clock = processors > 1 ? [] : ["-icount", `shift=1,sleep=${isAlone ? "off" : "on"}`];
  return [...clock, "-smp", String(processors)];
}

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

/** QEMU's command. It ends with the one who starts it, however that ends. */
function command({ image, initramfs, suite, cable }: GuestInput): readonly string[] {
  const words = [
    "console=ttyS0",
    INIT,
    "panic=-1",
    "edd=off",
    "loglevel=4",
    ...(APPENDED[suite] ?? []),
    ...(cable === undefined ? [] : [`causeway.node=${cable.node}`]),
    `causeway.suite=${[suite.replace(" ", "_"), ...SUITES[suite]].join(",")}`,
  ];
  const boot = ["-kernel", image, "-initrd", initramfs, "-append", words.join(" ")];
  const card = cable === undefined ? [] : cableFlags(cable);
  const clock = clockFlags(PROCESSORS[suite] ?? 1, cable === undefined);
  const qemu = ["qemu-system-x86_64", ...MACHINE, ...clock, ...boot, ...card];
  return ["setpriv", "--pdeathsig=KILL", ...qemu];
}

/** Boots a guest under emulation, and waits until it powers itself off. Throws when there is no setpriv. */
export async function runGuest(input: GuestInput): Promise<GuestReport> {
  const { kernel, suite, signal, onLine } = input;
  const report = newReport(kernel, suite);
  const [program = "", ...args] = command(input);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  await once(child, "spawn");
  const end = (why: string): void => {
    report.broken ??= why;
    child.kill("SIGKILL");
  };
  signal?.addEventListener("abort", () => end("Its partner has failed"));
  const clocks = createClocks(child);
  const watchdog = createWatchdog(clocks());
  const timer = setInterval(() => {
    const why = watchdog.judge(clocks());
    if (why !== undefined) end(why);
  }, LOOK_EVERY_MS);
  for await (const raw of createInterface({ input: child.stdout })) {
    const line = raw.trimEnd();
    const now = clocks();
    watchdog.hear(line, now);
    onLine(line);
    addLine(report, line, now.cpuMs);
  }
  clearInterval(timer);
  const [code, killer] = await exited;
  if (killer !== null) report.broken ??= `QEMU was ended by ${killer}`;
  if (code !== 0) report.broken ??= `QEMU ended with exit code ${code}`;
  return report;
}

function createClocks(child: ChildProcess): () => Clocks {
  let usedMs = 0;
  return () => {
    // What a guest has said before its end may come after that.
    if (child.exitCode === null && child.signalCode === null) usedMs = cpuMs(child.pid ?? 0);
    return { cpuMs: usedMs, ms: performance.now() };
  };
}
