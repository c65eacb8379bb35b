/**
 * Runs programs of tests in the namespace in which it was started, as often as it is asked: a program is a
 * module that exports main().
 * usage: node agent/testing/programs/serve-programs.ts SOCKET
 */
import { flushCompileCache } from "node:module";
import { answerSocket } from "../runner/json-socket.ts";

/** What is asked: the module's path and its arguments. */
export interface ProgramRequest {
  readonly program: string;
  readonly args: readonly string[];
}

/** What the module exports; gives what it has to say. */
export interface Program {
  readonly main: (args: readonly string[]) => Promise<string>;
}

const [path = ""] = process.argv.slice(2);
await answerSocket(path, async (request) => {
  const { program, args } = request as ProgramRequest;
  const { main } = (await import(program)) as Program;
  // Kept at once for others that run it: this process ends by a signal that no process survives.
  flushCompileCache();
  return { told: await main(args) };
});
process.stdout.write("ready\n");
