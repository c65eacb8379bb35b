import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { finished } from "node:stream/promises";
import type { Cluster } from "../cluster/cluster.ts";

export interface GoTestsInput {
  /** Of the file that takes all output. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Of the lines that are looked at. */
  readonly onLine: (line: string) => void;
}

/**
 * Runs a program of tests in Go as the administrator of the cluster; gives its exit code, and where its
 * output is.
 */
export async function runGoTests(
  { fabric, controlPlane, folder }: Cluster,
  { name, program, args, onLine }: GoTestsInput,
): Promise<{ readonly code: number | null; readonly log: string }> {
  const log = join(process.env["CAUSEWAY_E2E_LOGS"] ?? folder, `${name}.log`);
  const [enter = "", ...words] = [...fabric.netns.enter, program, ...args];
  const child = spawn(enter, words, {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, KUBECONFIG: controlPlane.kubeconfig },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const file = createWriteStream(log);
  const ends = [child.stdout, child.stderr].map(async (stream) => {
    for await (const line of createInterface(stream)) {
      file.write(`${line}\n`);
      onLine(line);
    }
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  await Promise.all(ends);
  await finished(file.end());
  return { code, log };
}
