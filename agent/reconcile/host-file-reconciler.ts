import { statSync } from "node:fs";
import { join } from "node:path";
import { PLUGIN_TYPE } from "../plan/node/conflist.ts";
import { ensureHostFiles, type HostFilesInput, type HostFilesOutcome } from "../host/host-files.ts";

/** Of so many looks one reads all files, whatever their times say: not every file system keeps them well. */
const LOOKS_TO_A_READING = 30;

/** Keeps the host files as they must be, and reads them only when something about them has changed. */
export interface HostFileReconciler {
  /** Undefined: nothing has changed since all was as it must be. */
  ensure(): Promise<HostFilesOutcome | undefined>;
}

export function createHostFileReconciler(input: HostFilesInput): HostFileReconciler {
  const { cniBinDir, cniConfDir, cniConfName } = input;
  const paths = [
    cniBinDir,
    cniConfDir,
    join(cniBinDir, PLUGIN_TYPE),
    join(cniBinDir, "loopback"),
    join(cniConfDir, cniConfName),
  ];
  let known: string | undefined;
  let looks = 0;
  return {
    async ensure() {
      const seen = paths.map(describeState).join();
      looks = (looks + 1) % LOOKS_TO_A_READING;
      if (seen === known && looks !== 0) return undefined;
      // What changes while the files are read is another state than the one before.
      known = undefined;
      const outcome = await ensureHostFiles(input);
      if (outcome.written.length + outcome.removed.length === 0) known = seen;
      return outcome;
    },
  };
}

/**
 * The kernel sets the time of the last change (ctime) itself: nobody can change content or mode and leave it.
 * A folder has it of names that come and go.
 */
function describeState(path: string): string {
  const state = statSync(path, { bigint: true, throwIfNoEntry: false });
  return state === undefined
    ? "none"
    : [state.dev, state.ino, state.size, state.mode, state.ctimeNs].join(" ");
}
