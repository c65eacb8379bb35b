import { parseArgs } from "node:util";
import { messageOf } from "../lib/errors.ts";
import { loadNative } from "../kernel/socket/native.ts";
import { observeNode } from "../kernel/observe-node.ts";
import { OPTIONS } from "../settings/options.ts";
import { askAgent } from "../report/ask-agent.ts";
import { reportKernel } from "../report/kernel-report.ts";
import type { NodeReport } from "../report/node-report.ts";
import { printableJson } from "../text/printable.ts";
import { formatStatus } from "./format-status.ts";

export interface StatusInput {
  readonly args: readonly string[];
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
  readonly colours: boolean;
  /** Milliseconds since the epoch. */
  readonly dateMs: () => number;
}

export const STATUS_USAGE = `usage: causeway status [--json] [--all] [--socket PATH]

  --json         the report as one JSON object
  --all          all other nodes and calls, however many
  --socket PATH  the agent's socket; default: ${OPTIONS.socket.schema.default}

exit code: 0 ready, 1 not ready or no answer of the agent, 2 wrong usage
`;

/** An agent that is busy answers within this; one that is stopped never does. */
const ANSWER_TIMEOUT_MS = 2000;

/** Tells what is on this node, from the agent, or from the kernel when that does not answer. Changes nothing. Answers the exit code. */
export async function status({ args, write, writeError, colours, dateMs }: StatusInput): Promise<number> {
  const flags = readFlags(args);
  if (typeof flags === "string") {
    writeError(`causeway: ${flags}\n\n${STATUS_USAGE}`);
    return 2;
  }
  if (flags.help === true) {
    write(STATUS_USAGE);
    return 0;
  }
  const isWhole = flags.all === true || flags.json === true;
  const query = isWhole ? "report all" : "report";
  const answer = await askAgent(flags.socket, { query, timeoutMs: ANSWER_TIMEOUT_MS });
  const silence = answer.kind === "silent" ? answer.reason : undefined;
  const report =
    answer.kind === "answer"
      ? answer.report
      : reportKernel(await observeNode(loadNative(), { listPeers: isWhole }), dateMs());
  if (flags.json === true)
    write(`${printableJson(JSON.stringify(withSilence(report, silence), undefined, 2))}\n`);
  else write(formatStatus({ report, silence, isWhole, colours }));
  return report.readiness?.isReady === true ? 0 : 1;
}

/** Readers of the JSON are told, too, why there is no more in it. */
function withSilence(report: NodeReport, silence: string | undefined): object {
  return silence === undefined ? report : { ...report, silence };
}

function readFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        json: { type: "boolean" },
        all: { type: "boolean" },
        help: { type: "boolean" },
        socket: { type: "string", default: OPTIONS.socket.schema.default },
      },
    }).values;
  } catch (error) {
    return messageOf(error).replace(/\. To specify.*$/s, "");
  }
}
