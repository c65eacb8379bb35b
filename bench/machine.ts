import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, release } from "node:os";

/** Files of the bench. Below /run, which is a file system of this run only (see {@link enterMachine}). */
export const WORK_FOLDER = "/run/bench";

/** Runs a command to its end and gives its stdout; a failure throws what it said. */
export function run(command: readonly string[], input = ""): string {
  return runBoth(command, input).stdout;
}

const TIMEOUT_MS = 60_000;

/** The same with what it wrote to stderr without failing. */
export function runBoth(
  command: readonly string[],
  input = "",
  timeoutMs = TIMEOUT_MS,
): { stdout: string; stderr: string } {
  const [program = "", ...args] = command;
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    input,
    encoding: "utf8",
    timeout: timeoutMs,
    maxBuffer: 64 << 20,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`Cannot run ${command.join(" ")}: exit code ${status}: ${stderr}`);
  return { stdout, stderr };
}

/** Runs many commands of iproute2 in one process. */
export function ip(lines: readonly string[], netns?: string): void {
  const inside = netns === undefined ? [] : ["-netns", netns];
  run(["ip", ...inside, "-batch", "-"], `${lines.join("\n")}\n`);
}

/** What iproute2 shows of a namespace, as JSON. */
export function show(netns: string, ...command: readonly string[]): unknown[] {
  const [program = "", ...args] = command;
  return JSON.parse(run([program, "-netns", netns, "-json", ...args])) as unknown[];
}

export function netnsPath(name: string): string {
  return `/run/netns/${name}`;
}

/**
 * Makes /run private, so that neither namespaces nor locks nor files of the bench meet the machine's. run.sh
 * has put this process in mount, network and process namespaces of its own: when it ends, everything is gone
 * with it, however it ends.
 */
export function enterMachine(): void {
  if (process.pid !== 1) throw new Error("Cannot measure in the machine's own namespaces: use npm run bench");
  run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"]);
  run(["mkdir", WORK_FOLDER]);
  ip(["link set lo up"]);
}

export interface Host {
  /** Its network namespace. */
  readonly netns: string;
  /** Its address; this process reaches it there. */
  readonly address: string;
  /** Names of its pods' namespaces. */
  readonly podNetns: readonly string[];
}

/**
 * A node: a network namespace with an uplink to ours and a default route, and namespaces of pods. `number` is
 * unique, 0 to 63.
 */
export function makeHost(name: string, number: number, pods: number): Host {
  const podNetns = Array.from({ length: pods }, (_, pod) => `${name}-${pod}`);
  const [ours, address] = [`192.0.2.${4 * number + 1}`, `192.0.2.${4 * number + 2}`];
  const uplink = `node${number}`;
  ip([
    ...[name, ...podNetns].map((netns) => `netns add ${netns}`),
    `link add ${uplink} type veth peer name eth0 netns ${name}`,
    `address add ${ours}/30 dev ${uplink}`,
    `link set ${uplink} up`,
  ]);
  ip(
    [
      "link set lo up",
      `address add ${address}/30 dev eth0`,
      "link set eth0 up",
      `route add default via ${ours}`,
    ],
    name,
  );
  return { netns: name, address, podNetns };
}

/** Writes a file of the bench and gives its path. */
export function writeWork(name: string, content: string): string {
  const path = `${WORK_FOLDER}/${name}`;
  writeFileSync(path, content);
  return path;
}

/** What the figures are of. */
export function describeMachine(): string {
  return `${cpus()[0]?.model}, ${cpus().length} CPUs, Linux ${release()}, Node ${process.version}`;
}
