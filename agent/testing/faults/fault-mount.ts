import { endPrivileged, privileged } from "../runner/privileged.ts";

/** A small file system of its own, for tests of full and read-only disks. */
export interface FaultMount {
  /** Path that the agent and the test can use: through the process that holds the mount namespace. */
  readonly path: string;
  /** Changes its options: "size=4k", "ro", "rw". */
  remount(options: string): Promise<void>;
  remove(): Promise<void>;
}

/** Any folder that every machine has: in the namespace it is hidden by the mount. */
const MOUNT_POINT = "/mnt";

/**
 * Mounts a tmpfs in a mount namespace, which lives as long as a process in it. That process gives up all
 * capabilities, so that the agent, which has one, may look through /proc/PID/root (ptrace(2), "Ptrace access
 * mode checking").
 */
export async function makeFaultMount(size: string): Promise<FaultMount> {
  const hold = "exec setpriv --bounding-set=-all --inh-caps=-all sh -c 'echo ready; exec sleep 1000000'";
  const { pid } = await privileged({
    command: ["unshare", "-m", "sh", "-c", `mount -t tmpfs -o size=${size} tmpfs ${MOUNT_POINT} && ${hold}`],
    background: true,
  });
  return {
    path: `/proc/${pid}/root${MOUNT_POINT}`,
    async remount(options) {
      const command = ["nsenter", "-t", String(pid), "-m", "mount", "-o", `remount,${options}`, MOUNT_POINT];
      const { exitCode, stderr } = await privileged({ command });
      if (exitCode !== 0) throw new Error(`Cannot remount "${MOUNT_POINT}" ${options}: ${stderr}`);
    },
    async remove() {
      await endPrivileged(pid);
    },
  };
}
