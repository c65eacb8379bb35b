import { setTimeout } from "node:timers/promises";
import { askForKey, BUSY_TIMEOUT_MS } from "../report/ask-agent.ts";
import type { OwnKeyReport } from "../report/node-report.ts";
import type { KeyAnswer, Query } from "../report/query.ts";
import {
  type CommandInput,
  type CommandResult,
  isResult,
  jsonText,
  readCommandLine,
} from "../settings/command-line.ts";
import { printable } from "../text/printable.ts";

export const ROTATE_KEY = {
  name: "rotate-key",
  summary: "Replaces the WireGuard key of this node, and waits for up to a minute until the new one is used",
  switches: {
    "no-wait": "returns once the new key is made; other nodes learn it later",
    json: "the keys as one JSON object",
  },
  settings: ["socket"],
  exitCodes: "0 done, with --no-wait begun; 1 refused, or nodes do not know the key yet; 2 wrong usage",
} as const;

const WAIT = { everyMs: 100, forMs: 60_000 };

/** What has come of the command. */
interface Rotation {
  readonly state: "done" | "begun" | "refused";
  readonly reason?: string;
  /** The key before. */
  readonly before?: string;
  readonly key?: OwnKeyReport;
}

/** Asks the running agent, which goes on whether anybody waits or not. */
export async function rotateKey({ args, version, dateMs }: CommandInput): Promise<CommandResult> {
  const read = readCommandLine(ROTATE_KEY, args);
  if (isResult(read)) return read;
  const { settings, switches } = read;
  const isHasty = switches["no-wait"];
  const rotation = await rotate(settings.socket, isHasty, dateMs);
  const exitCode = rotation.state === "done" || (rotation.state === "begun" && isHasty) ? 0 : 1;
  if (switches.json) return { exitCode, stdout: jsonText({ version, ...rotation }), stderr: "" };
  const text = `${printable(describe(rotation))}\n`;
  return exitCode === 0
    ? { exitCode, stdout: text, stderr: "" }
    : { exitCode, stdout: "", stderr: `causeway rotate-key: ${text}` };
}

async function rotate(socket: string, isHasty: boolean, dateMs: () => number): Promise<Rotation> {
  const ask = (query: Extract<Query, "key" | "rotate key">) =>
    askForKey(socket, { query, timeoutMs: BUSY_TIMEOUT_MS });
  const first = await ask("rotate key");
  if (first.kind === "silent") return { state: "refused", reason: first.reason };
  const before = first.report.key?.publicKey;
  if (before === undefined) return { state: "refused", reason: "this node has no WireGuard key" };
  const endMs = dateMs() + WAIT.forMs;
  let last: KeyAnswer = first.report;
  for (;;) {
    const rotation = judge(last, before);
    if (rotation !== undefined && (rotation.state !== "begun" || isHasty)) return rotation;
    if (dateMs() >= endMs)
      return rotation ?? { state: "refused", reason: "the agent has not published this node's key yet" };
    await setTimeout(WAIT.everyMs);
    const answer = await ask("key");
    if (answer.kind === "silent") return { state: "refused", reason: answer.reason };
    last = answer.report;
  }
}

/** Undefined: it has not begun. */
function judge({ key, isAsked, fault }: KeyAnswer, before: string): Rotation | undefined {
  if (key === undefined) return { state: "refused", reason: "this node has no WireGuard key any more" };
  if (key.publicKey !== before) return { state: "done", before, key };
  if (key.rotation !== undefined) return { state: "begun", before, key };
  if (fault !== undefined && !isAsked) return { state: "refused", reason: fault };
  return undefined;
}

function describe({ state, reason, before, key }: Rotation): string {
  if (state === "refused" || key === undefined) return reason ?? "no answer";
  if (state === "done") return `the key of this node is ${key.publicKey}, and was ${before}`;
  const { publicKey, port, nodes, waitingFor } = key.rotation ?? { ...key, nodes: 0, waitingFor: [] };
  const names = waitingFor.length === 0 ? "" : `: ${waitingFor.slice(0, 3).join(", ")}`;
  return `the next key of this node is ${publicKey}, port ${port}; ${waitingFor.length} of ${nodes} nodes have not shown yet that they know it${names}`;
}
