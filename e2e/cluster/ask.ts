import { runCommand } from "../lib/command.ts";
import type { Cluster } from "./cluster.ts";
import { type Peer, PEER_PORT } from "./workloads.ts";

/** What a server told a client: its own name, and the client's address as it saw it; or "error: …". */
export type Answers = ReadonlyMap<string, string>;

const PATIENCE_MS = 5000;

/** Lets a pod ask servers, all at once, through `kubectl exec`; keys are the addresses. */
export async function askFromPod(
  cluster: Cluster,
  { name }: Peer,
  addresses: readonly string[],
  port = PEER_PORT,
): Promise<Answers> {
  const command = ["/peer", "ask", String(PATIENCE_MS), ...targets(addresses, port)];
  return readAnswers(await cluster.kubectl(["exec", name, "--", ...command]));
}

/** The same from a network namespace: `enter` are the words before a command that let it run there. */
export async function askFrom(
  cluster: Cluster,
  enter: readonly string[],
  addresses: readonly string[],
  port = PEER_PORT,
): Promise<Answers> {
  const command = [cluster.peer, "ask", String(PATIENCE_MS), ...targets(addresses, port)];
  return readAnswers(await runCommand([...enter, ...command]));
}

function targets(addresses: readonly string[], port: number): readonly string[] {
  return addresses.map((address) => `${address},${port}`);
}

function readAnswers(output: string): Answers {
  const lines = output.trim().split("\n").filter(Boolean);
  return new Map(
    lines.map((line) => {
      const space = line.indexOf(" ");
      return [line.slice(0, line.lastIndexOf(",", space)), line.slice(space + 1)];
    }),
  );
}
