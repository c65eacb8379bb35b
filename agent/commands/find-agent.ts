import { connect } from "node:net";
import { describeSystemError } from "../lib/files.ts";
import type { ListenAddress } from "../settings/schemas.ts";

export interface FindAgentInput {
  readonly socket: string;
  readonly http: ListenAddress;
}

const ANSWER_MS = 2000;

/** Where who listens everywhere is asked: under no address of the node's the request would be refused. */
const LOOPBACKS: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/** Says where an agent is found to run, one that is still starting included; undefined when there is none. */
export async function findAgent({ socket, http }: FindAgentInput): Promise<string | undefined> {
  if (await isListening(socket)) return `listening on "${socket}"`;
  const address = LOOPBACKS[http.address] ?? http.address;
  const url = `http://${address.includes(":") ? `[${address}]` : address}:${http.port}/metrics`;
  return (await servesMetrics(url)) ? `serving ${url}` : undefined;
}

/** Whether somebody accepts connections; throws when that cannot be told. */
function isListening(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const connection = connect(path, () => {
      connection.destroy();
      resolve(true);
    });
    connection.once("error", (cause: NodeJS.ErrnoException) => {
      if (cause.code === "ENOENT" || cause.code === "ECONNREFUSED") return resolve(false);
      const message = `Cannot tell whether an agent listens on "${path}": ${describeSystemError(cause)}`;
      reject(new Error(message, { cause }));
    });
  });
}

async function servesMetrics(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
    return (await response.text()).includes("causeway_build_info");
  } catch {
    return false; // nobody, or somebody who speaks another language
  }
}
