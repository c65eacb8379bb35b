import { loadNative } from "../kernel/socket/native.ts";
import { observeNode } from "../kernel/read/observe-node.ts";
import {
  type CommandInput,
  type CommandResult,
  isResult,
  jsonText,
  readCommandLine,
  usageError,
} from "../settings/command-line.ts";
import { askAgent, BUSY_TIMEOUT_MS } from "../report/ask-agent.ts";
import { reportKernel } from "../report/kernel-report.ts";
import type { NodeReport } from "../report/node-report.ts";
import { formatDenied } from "./format-denied.ts";
import { formatStatus } from "./format-status.ts";
import { formatSummary } from "./format-summary.ts";

export const STATUS = {
  name: "status",
  summary: "Shows this node's pods, routes and faults; without an agent, what the kernel knows",
  switches: {
    json: "the report as one JSON object",
    all: "lists all other nodes and calls, however many",
    denied: "only the packets that policies dropped lately",
    summary:
      "one line, separated by tabs: ready, pods, free addresses, unreachable nodes, version, first reason",
  },
  settings: ["socket"],
  exitCodes: "0 ready, 1 not ready or no answer from the agent, 2 wrong usage",
} as const;

/** Changes nothing. */
export async function status({ args, colours, dateMs }: CommandInput): Promise<CommandResult> {
  const read = readCommandLine(STATUS, args);
  if (isResult(read)) return read;
  const { settings, switches } = read;
  const forms = (["json", "denied", "summary"] as const).filter((name) => switches[name]);
  if (forms.length > 1) return usageError(STATUS, `--${forms.join(" and --")} exclude each other`);
  const isWhole = switches.all || switches.json;
  const query = isWhole ? "report all" : "report";
  const answer = await askAgent(settings.socket, { query, timeoutMs: BUSY_TIMEOUT_MS });
  const silence = answer.kind === "silent" ? answer.reason : undefined;
  const report =
    answer.kind === "answer"
      ? answer.report
      : reportKernel(await observeNode(loadNative(), { listPeers: isWhole }), dateMs());
  const format = (): string => {
    if (switches.json) return jsonText(withSilence(report, silence));
    if (switches.denied) return formatDenied({ report, silence });
    if (switches.summary) return formatSummary(report, silence);
    return formatStatus({ report, silence, isWhole, colours });
  };
  const stdout = format();
  return { exitCode: report.readiness?.isReady === true ? 0 : 1, stdout, stderr: "" };
}

/** Readers of the JSON are told, too, why there is no more in it. */
function withSilence(report: NodeReport, silence: string | undefined): object {
  return silence === undefined ? report : { ...report, silence };
}
