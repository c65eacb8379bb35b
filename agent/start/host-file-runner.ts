import { readFileSync } from "node:fs";
import type { HostFilesOutcome } from "../host/host-files.ts";
import { messageOf } from "../lib/errors.ts";
import { shippedFile } from "../lib/shipped.ts";
import { planConflist } from "../plan/node/conflist.ts";
import { createHostFileReconciler } from "../reconcile/host-file-reconciler.ts";
import { createRunner, type Runner } from "../reconcile/runner/runner.ts";
import { createProblemReporter } from "../reconcile/report/report-problems.ts";
import type { Base } from "./base.ts";

/** A host file that someone deletes or damages is back within this time. */
const INTERVALS = { minIntervalMs: 100, retryIntervalMs: 1000, maxIntervalMs: 2000 };

/** CNI configurations of others that runtimes load instead of ours. */
export interface Rivals {
  list(): readonly string[];
  /** Tells the first of them in the log and by an Event, and logs the end of the last one. */
  found(paths: readonly string[]): void;
}

const RIVALS = "Runtimes load another CNI configuration, which sorts before ours";

export function createRivals(
  { log, clock }: Pick<Base, "log" | "clock">,
  report: (note: string) => void,
): Rivals {
  let rivals: readonly string[] = [];
  const tell = createProblemReporter({
    log,
    clock,
    report: (paths) => report(`${RIVALS}: ${paths}`),
    subject: RIVALS,
    over: "Runtimes load our CNI configuration again",
  });
  return {
    list: () => rivals,
    found(paths) {
      tell(paths);
      rivals = paths;
    },
  };
}

export interface HostFileRunnerInput {
  readonly rivals: Pick<Rivals, "found">;
  /** Listens where somebody has taken a socket away. */
  readonly ensureSockets: () => Promise<void>;
  readonly onInstalled: () => void;
}

/**
 * Keeps the sockets, the shim's binary and the CNI configuration; the first run offers pods to the runtime.
 */
export function createHostFileRunner(
  { config, log, clock, readiness, metrics }: Base,
  { rivals, ensureSockets, onInstalled }: HostFileRunnerInput,
): Runner {
  const tell = ({ removed, written, rivals: found }: HostFilesOutcome): void => {
    for (const path of removed) log.info({ path }, "Removed our CNI configuration of a former name");
    for (const path of written) {
      log.info({ path }, "Wrote host file");
      metrics.countFileWrite(path);
    }
    rivals.found(found);
  };
  const shim = readFileSync(shippedFile("bin/causeway"));
  const files = createHostFileReconciler({ ...config, shim, conflist: planConflist(config) });
  return createRunner(
    async () => {
      await ensureSockets();
      const outcome = await metrics.measureReconcile("host_files", files.ensure);
      if (outcome !== undefined) tell(outcome);
      readiness.set("installation", undefined);
      onInstalled();
    },
    { ...INTERVALS, clock, onError: (error) => readiness.set("installation", messageOf(error)) },
  );
}
