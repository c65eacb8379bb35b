import { open, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Where kubelets keep the logs of containers: NAMESPACE_POD_UID/CONTAINER/RESTARTS.log. */
const POD_LOGS = "/var/log/pods";

/** Of each log only the end is taken. */
const MAX_LOG_BYTES = 1 << 20;

/**
 * Logs of the agent's pods by their names in the archive; none where this place has no such folder, as in the
 * agent's own pod.
 */
export async function readLogs(
  folder = POD_LOGS,
): Promise<readonly (readonly [name: string, read: () => Promise<string>])[]> {
  const pods = (await list(folder)).filter((pod) => /_[^_]*causeway[^_]*_/.test(pod));
  const logs = [];
  for (const pod of pods)
    for (const file of await list(join(folder, pod, "agent")))
      if (file.endsWith(".log"))
        logs.push([`log/${file}`, () => readEnd(join(folder, pod, "agent", file))] as const);
  return logs;
}

async function list(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}

async function readEnd(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - MAX_LOG_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
    const text = buffer.toString("utf8", 0, bytesRead);
    // The first line is cut.
    return start === 0 ? text : text.slice(text.indexOf("\n") + 1);
  } finally {
    await file.close();
  }
}
