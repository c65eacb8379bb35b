import { agentRemedy } from "./check-agent.ts";
import type { Finding } from "../finding.ts";
import { shellWord } from "../shell.ts";

/** What a path has that should be a unix socket on which somebody listens. */
export type SocketState = "listening" | "nothing listens" | "missing" | "not a socket";

export interface StaleFilesObservation {
  /** The socket that this program was told of, or that is the default. */
  readonly socket: { readonly path: string; readonly state: SocketState };
  /** The conflist and the socket that it names; undefined: there is none. */
  readonly conflist:
    | { readonly path: string; readonly socket: string | undefined; readonly state: SocketState | undefined }
    | undefined;
  /** Temporary files that a killed agent has left. */
  readonly temporaries: readonly string[];
}

const NAME = "stale files";

/**
 * What agents have left that are not there any more. Socket and conflist are an agent's that is to come back:
 * it takes the first over, and without the second the runtime could delete no pod.
 */
export function checkStaleFiles(
  { socket, conflist, temporaries }: StaleFilesObservation,
  nodeName: string,
): readonly Finding[] {
  const findings: Finding[] = temporaries.map((path) => ({
    name: NAME,
    verdict: "warn",
    evidence: `${path} is left over from an agent that was killed while writing`,
    remedy: `rm ${shellWord(path)}`,
  }));
  if (socket.state === "nothing listens")
    findings.push({
      name: NAME,
      verdict: "warn",
      evidence: `${socket.path} is the socket of a killed agent: nothing listens on it; the next agent takes it over`,
      remedy: agentRemedy(nodeName),
    });
  if (socket.state === "not a socket")
    findings.push({
      name: NAME,
      verdict: "fail",
      evidence: `${socket.path} is not a socket, and keeps the agent from starting`,
      remedy: `rm -r ${shellWord(socket.path)}`,
    });
  if (conflist !== undefined && conflist.state !== "listening")
    findings.push(staleConflist(conflist, nodeName));
  if (findings.length > 0) return findings;
  return [{ name: NAME, verdict: "ok", evidence: "none" }];
}

function staleConflist(
  { path, socket, state }: NonNullable<StaleFilesObservation["conflist"]>,
  nodeName: string,
): Finding {
  const fault = socket === undefined ? "names no socket" : `names the socket ${socket} (${state})`;
  return {
    name: NAME,
    verdict: "fail",
    evidence: `${path} ${fault}: the runtime considers the node ready, but no pod starts until the agent runs; docs/uninstall.md describes how to remove Causeway from a node`,
    remedy: agentRemedy(nodeName),
  };
}
