import { tmpdir } from "node:os";
import { join } from "node:path";
import { askSocket } from "../runner/json-socket.ts";
import { endPrivileged, privileged } from "../runner/privileged.ts";

/**
 * Runs programs in one namespace in a process that starts with the first and stays: each process of Node.js
 * takes 60 ms of CPU to start.
 */
export interface ProgramHost {
  /** Gives what the program's main() gives (see serve-programs.ts). */
  run(program: URL, ...args: readonly string[]): Promise<string>;
  /** Ends the process, if there is one. */
  end(): Promise<void>;
}

const SERVER = new URL("serve-programs.ts", import.meta.url).pathname;

let lastHost = 0;

/** `netns` is the path of the namespace; the host's own without it. */
export function createProgramHost(netns = ""): ProgramHost {
  const socket = join(tmpdir(), `programs-${process.pid}-${++lastHost}.sock`);
  let started: Promise<number> | undefined;
  const start = async (): Promise<number> => {
    const command = [process.execPath, SERVER, socket];
    return (await privileged({ command, netns, background: true })).pid;
  };
  return {
    async run(program, ...args) {
      await (started ??= start());
      const answer = await askSocket(socket, { program: program.pathname, args });
      return (answer as { readonly told: string }).told;
    },
    async end() {
      if (started === undefined) return;
      await endPrivileged(await started);
      started = undefined;
    },
  };
}
