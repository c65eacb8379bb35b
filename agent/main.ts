import { hostname } from "node:os";
import { setFlagsFromString } from "node:v8";
import packageJson from "../package.json" with { type: "json" };
import { systemClock } from "./lib/clock.ts";
import { type Config, ConfigError, describeFlags, loadConfig } from "./settings/config.ts";
import { findAgent } from "./commands/find-agent.ts";
import type { Kernel } from "./kernel/kernel.ts";
import { openLinuxKernel } from "./kernel/linux-kernel.ts";
import { setIpv6Forwarding } from "./kernel/uplink/set-ipv6-forwarding.ts";
import { loadNative } from "./kernel/socket/native.ts";
import { runDoctor } from "./inspect/run-doctor.ts";
import { runTrace } from "./inspect/run-trace.ts";
import { messageOf } from "./lib/errors.ts";
import { createLog, type Log } from "./log/log.ts";
import { loadAddon } from "./native/addon.ts";
import { openStandardError } from "./native/standard-error.ts";
import type { CommandInput, CommandResult } from "./inspect/command-line.ts";
import { printPage } from "./page/print-page.ts";
import { socketsOf } from "./report/query.ts";
import { uninstall } from "./reconcile/uninstall.ts";
import { status } from "./status/status.ts";
import { createActivity } from "./report/activity.ts";
import { startAgent } from "./start/start-agent.ts";
import { printable } from "./text/printable.ts";
import { V8_FLAGS } from "./start/v8-flags.ts";

const USAGE = `causeway ${packageJson.version}: Kubernetes CNI node agent

usage: causeway agent [flags]                run the agent
       causeway status [--json] [--all] [--socket PATH]
       causeway page [--socket PATH]         print the node's page
       causeway uninstall [--all] [flags]    remove what the agent has made; with --all also pods' links, routes and rules
       causeway set-ipv6-forwarding          let the node forward IPv6, where the agent may not
       causeway doctor [--json] [flags]
       causeway trace [--json] [flags] POD_IP TARGET
       causeway --version | --help

flags:
${describeFlags()}
`;

/** Exit code: 0 done, 1 failed, 2 wrong usage or configuration. */
async function main([command, ...args]: readonly string[]): Promise<number> {
  switch (command) {
    case "agent":
      return agent(args);
    case "status":
      return status({
        args,
        write: (text) => process.stdout.write(text),
        writeError: (text) => process.stderr.write(text),
        colours: process.stdout.isTTY && process.env["NO_COLOR"] === undefined,
        dateMs: Date.now,
      });
    case "page":
      return printPage({
        args,
        write: (text) => process.stdout.write(text),
        writeError: (text) => process.stderr.write(text),
      });
    case "set-ipv6-forwarding":
      return enableIpv6Forwarding();
    case "uninstall":
      return uninstallNode(args);
    case "doctor":
      return print(runDoctor(inspection(args)));
    case "trace":
      return print(runTrace(inspection(args)));
    case "--version":
      process.stdout.write(`${packageJson.version}\n`);
      return 0;
    case "--help":
      process.stdout.write(USAGE);
      return 0;
    default:
      if (command !== undefined) complain(`unknown command "${command}"`);
      process.stderr.write(USAGE);
      return 2;
  }
}

/** What commands that look at the node are given. */
function inspection(args: readonly string[]): CommandInput {
  return {
    args,
    environment: process.env,
    hostName: hostname().toLowerCase(),
    version: packageJson.version,
    colours: process.stdout.isTTY && process.env["NO_COLOR"] === undefined,
  };
}

function complain(fault: string): void {
  process.stderr.write(`causeway: ${printable(fault)}\n`);
}

async function print(running: Promise<CommandResult>): Promise<number> {
  const { exitCode, stdout, stderr } = await running;
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  return exitCode;
}

async function agent(args: readonly string[]): Promise<number> {
  for (const flag of V8_FLAGS) setFlagsFromString(flag);
  const config = readConfig(args);
  if (config === undefined) return 2;
  const { log: plainLog, lines } = createLog(config, openStandardError(loadAddon()));
  const activity = createActivity(Date.now);
  const log = activity.noting(plainLog);
  const finish = (): void => {
    for (let attempt = 0; !lines.flush() && attempt < LAST_ATTEMPTS; attempt++) pause(LAST_PAUSE_MS);
    lines.abandon();
  };
  logFaultsOfNode(log, finish);
  try {
    const stop = await startAgent(config, log, { activity, lost: lines.lost });
    const signal = await nextSignal();
    // Whoever signals again does not want to wait.
    void nextSignal().then(() => process.exit(1));
    log.info({ signal }, "Stopping; pods keep their network");
    await stop();
    return 0;
  } catch (error) {
    log.error({ error: messageOf(error) }, "Cannot start");
    return 1;
  } finally {
    finish();
  }
}

/** Node.js itself writes warnings and the last words of a program to stderr, and waits until somebody takes them. */
function logFaultsOfNode(log: Log, finish: () => void): void {
  process.removeAllListeners("warning");
  process.on("warning", ({ name, message }) => log.warn({ warning: name }, message));
  process.once("uncaughtException", (error) => {
    log.error(
      { error: messageOf(error), stack: error instanceof Error ? error.stack : "" },
      "Ended by a fault of its own",
    );
    finish();
    process.exit(1);
  });
}

/** How long the last lines may take: 0.5 s. */
const LAST_ATTEMPTS = 50;
const LAST_PAUSE_MS = 10;

/** Sleeps, when nothing else has to run any more. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** For an init container that may write /proc/sys, where the agent itself may not. */
async function enableIpv6Forwarding(): Promise<number> {
  const { changes, faults } = await setIpv6Forwarding(loadNative());
  for (const { fault } of changes) process.stdout.write(`Set IPv6 forwarding: ${printable(fault)}\n`);
  for (const fault of faults) complain(fault);
  return faults.length === 0 ? 0 : 1;
}

/** Undefined after the faults have been told. */
function readConfig(args: readonly string[]): Config | undefined {
  try {
    return loadConfig({ args, environment: process.env, hostName: hostname().toLowerCase() });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const fault of error.faults) complain(fault);
    return undefined;
  }
}

async function uninstallNode(args: readonly string[]): Promise<number> {
  const config = readConfig(args.filter((arg) => arg !== "--all"));
  if (config === undefined) return 2;
  const onError = (error: unknown): number => {
    complain(messageOf(error));
    return 1;
  };
  let kernel: Kernel | undefined;
  try {
    const running = await findAgent(config);
    if (running !== undefined) {
      const remedy = "stop it first, else it puts everything back: delete its DaemonSet, or end its process";
      throw new Error(`Cannot uninstall: an agent is running (${running}); ${remedy}`);
    }
    kernel = openLinuxKernel(loadNative(), { after: systemClock.after, onError });
    const tell = (sentence: string): unknown => process.stdout.write(`${printable(sentence)}\n`);
    await uninstall({ ...config, sockets: socketsOf(config), kernel, all: args.includes("--all"), tell });
    return 0;
  } catch (error) {
    return onError(error);
  } finally {
    kernel?.close();
  }
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, resolve);
  });
}

// Programs that we run speak the language of our messages.
process.env["LC_ALL"] = "C";
process.exitCode = await main(process.argv.slice(2));
