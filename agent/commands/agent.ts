import { release } from "node:os";
import { setFlagsFromString } from "node:v8";
import { findMissingFeatures } from "../kernel/nft/probe-features.ts";
import { codeOf, messageOf } from "../lib/errors.ts";
import { createLog, type Log } from "../log/log.ts";
import { loadAddon } from "../native/addon.ts";
import { openStandardError } from "../native/standard-error.ts";
import { describeMissing } from "../plan/node/kernel-features.ts";
import { createActivity } from "../report/recent/activity.ts";
import { type CommandInput, type CommandResult, isResult } from "../settings/command-line.ts";
import { startAgent } from "../start/start-agent.ts";
import { V8_FLAGS } from "../start/memory/v8-flags.ts";
import { readConfig } from "./read-config.ts";

/** How long the last lines may take: 0.5 s. */
const LAST_ATTEMPTS = 50;
const LAST_PAUSE_MS = 10;

/** How the process ends, which is not for a command to do: at once, without waiting for anything. */
export type Exit = (code: number) => never;

export const AGENT = {
  name: "agent",
  summary: "Runs the agent",
  exitCodes: "0 ended by a signal, 1 it could not start or failed, 2 wrong usage or configuration",
};

/** Runs until a signal ends it. Everything it says goes to the log, on stderr. */
export async function runAgent(input: CommandInput, exit: Exit): Promise<CommandResult> {
  const config = readConfig(AGENT, input);
  if (isResult(config)) return config;
  for (const flag of V8_FLAGS) setFlagsFromString(flag);
  const { log: plainLog, lines } = createLog(config, openStandardError(loadAddon()));
  const activity = createActivity(Date.now);
  const log = activity.noting(plainLog);
  const finish = (): void => {
    for (let attempt = 0; !lines.flush() && attempt < LAST_ATTEMPTS; attempt++) pause(LAST_PAUSE_MS);
    lines.abandon();
  };
  const giveUp = (): never => {
    finish();
    // What was started, as the HTTP server, would keep the process alive.
    return exit(1);
  };
  logFaultsOfNode(log, giveUp);
  const stop = await startAgent(config, log, { activity, lost: lines.lost }).catch(async (error: unknown) => {
    log.error({ error: await explainFailedStart(error) }, "Cannot start");
    return giveUp();
  });
  const signal = await nextSignal();
  // Whoever signals again does not want to wait.
  void nextSignal().then(() => exit(1));
  log.info({ signal }, "Stopping; pods keep their network");
  await stop().catch((error: unknown) => {
    log.error({ error: messageOf(error) }, "Cannot stop cleanly");
    giveUp();
  });
  finish();
  return { exitCode: 0, stdout: "", stderr: "" };
}

/** With what the kernel lacks, or the agent's container, where that is the cause. */
async function explainFailedStart(error: unknown): Promise<string> {
  const lacking = (await findMissingFeatures("node")) ?? [];
  if (lacking.length > 0) return `${messageOf(error)}: ${describeMissing(release(), lacking)}`;
  return codeOf(error) === "EPERM" ? `${messageOf(error)}; the agent needs CAP_NET_ADMIN` : messageOf(error);
}

/**
 * Node.js itself writes warnings and the last words of a program to stderr, and waits until somebody takes
 * them.
 */
function logFaultsOfNode(log: Log, giveUp: () => never): void {
  process.removeAllListeners("warning");
  process.on("warning", ({ name, message }) => log.warn({ warning: name }, message));
  process.once("uncaughtException", (error) => {
    log.error(
      { error: messageOf(error), stack: error instanceof Error ? error.stack : "" },
      "Uncaught error: the agent exits",
    );
    giveUp();
  });
}

/** Sleeps, when nothing else has to run any more. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, resolve);
  });
}
