import type { Finding } from "../finding.ts";
import { shellWord } from "../shell.ts";

/** A folder of the node that the agent writes to. */
export interface FolderObservation {
  readonly path: string;
  /** Undefined: there is no such folder. */
  readonly owner: { readonly uid: number; readonly mode: number } | undefined;
  readonly isReadOnly: boolean;
}

const NAME = "folders";

/** An agent without CAP_DAC_OVERRIDE writes only to folders of its own user, root. */
export function checkFolders(folders: readonly FolderObservation[]): readonly Finding[] {
  const faults = folders.flatMap(faultOf);
  if (faults.length > 0) return faults;
  const paths = folders.map(({ path }) => path).join(", ");
  const evidence = `${paths}: belong to root, who alone can write to them`;
  return [{ name: NAME, verdict: "ok", evidence }];
}

function faultOf({ path, owner, isReadOnly }: FolderObservation): readonly Finding[] {
  if (owner === undefined)
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
  const { uid, mode } = owner;
  if (uid === 0) return faultOfMode(path, mode);
  const evidence = `${path} belongs to user ${uid}: the agent cannot write to it`;
  return [{ name: NAME, verdict: "fail", evidence, remedy: `chown root: ${shellWord(path)}` }];
}

/** Write access of the group, or of all. */
const OTHERS_WRITE = 0o022;

function faultOfMode(path: string, mode: number): readonly Finding[] {
  if ((mode & OTHERS_WRITE) === 0) return [];
  const evidence = `others than root can write to ${path} (mode ${mode.toString(8)}), and runtimes run as root what is there`;
  return [{ name: NAME, verdict: "warn", evidence, remedy: `chmod go-w ${shellWord(path)}` }];
}
