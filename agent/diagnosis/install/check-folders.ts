import type { Finding } from "../finding.ts";
import { shellWord } from "../shell.ts";

/** A folder of the node that the agent writes to. */
export interface FolderObservation {
  readonly path: string;
  /** Of its owner; undefined: there is no such folder. */
  readonly uid: number | undefined;
  readonly isReadOnly: boolean;
}

const NAME = "folders";

/** An agent without CAP_DAC_OVERRIDE writes only to folders of its own user, root. */
export function checkFolders(folders: readonly FolderObservation[]): readonly Finding[] {
  const faults = folders.flatMap(faultOf);
  if (faults.length > 0) return faults;
  const evidence = `${folders.map(({ path }) => path).join(", ")}: belong to root`;
  return [{ name: NAME, verdict: "ok", evidence }];
}

function faultOf({ path, uid, isReadOnly }: FolderObservation): readonly Finding[] {
  if (uid === undefined)
    return [
      { name: NAME, verdict: "info", evidence: `${path} does not exist: the kubelet creates it for the pod` },
    ];
  if (isReadOnly)
    return [
      {
        name: NAME,
        verdict: "fail",
        evidence: `${path} is on a read-only file system: choose other hostPaths`,
      },
    ];
  if (uid === 0) return [];
  const evidence = `${path} belongs to user ${uid}: the agent cannot write to it`;
  return [{ name: NAME, verdict: "fail", evidence, remedy: `chown root: ${shellWord(path)}` }];
}
