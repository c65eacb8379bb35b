import { brokenHop, explainPath } from "../diagnosis/path/explain-path.ts";
import { isTranslationUnknown } from "../diagnosis/path/explain-translation.ts";
import { exitCodeOf, type Finding, worstOf } from "../diagnosis/finding.ts";
import { formatFindings } from "../diagnosis/format-findings.ts";
import { formatTarget, parseTarget } from "../diagnosis/target.ts";
import { openReader } from "../kernel/read/open-reader.ts";
import { ASK_TIMEOUT_MS, askAgent, askForPolicies, BUSY_TIMEOUT_MS } from "../report/ask-agent.ts";
import {
  type CommandInput,
  type CommandResult,
  isResult,
  jsonText,
  readCommandLine,
  usageError,
} from "../settings/command-line.ts";
import { observePath } from "./observe/observe-path.ts";
import { resolveEnds } from "./resolve-ends.ts";

export const TRACE = {
  name: "trace",
  summary: "Explains hop by hop the path from a pod on this node to TARGET, and the path of the replies",
  about: `It asks the kernel what it would do with the packets, and sends none.
POD: an address or NAMESPACE/NAME of a pod on this node.
TARGET: ADDRESS, ADDRESS:PORT[/udp|/sctp], [IPV6]:PORT, NAME:PORT or a URL, with names as this node resolves them;
NAMESPACE/NAME[:PORT] for a pod on this node.`,
  operands: ["POD", "TARGET"],
  switches: { json: "the hops as one JSON object" },
  settings: ["socket", "nodeName"],
  exitCodes: "0 the path is complete, 3 warnings, 4 it is broken, 1 the command itself failed, 2 wrong usage",
} as const;

export async function runTrace(input: CommandInput): Promise<CommandResult> {
  const read = readCommandLine(TRACE, input.args);
  if (isResult(read)) return read;
  const { settings: flags, switches, operands } = read;
  const [sourceText = "", targetText = ""] = operands;
  const { rtnetlink, netfilter, close } = openReader();
  try {
    const ends = await resolveEnds(rtnetlink, sourceText, targetText);
    if (typeof ends === "string") return usageError(TRACE, ends);
    const { source, target } = ends;
    const agent = await askAgent(flags.socket, { query: "report all", timeoutMs: ASK_TIMEOUT_MS });
    const hops = explainPath(
      await observePath(
        { rtnetlink, netfilter },
        {
          source,
          target,
          nodeName: flags.nodeName ?? input.environment["NODE_NAME"] ?? input.hostName,
          report: agent.kind === "answer" ? agent.report : undefined,
          askForPolicies:
            agent.kind === "answer"
              ? (question) => askForPolicies(flags.socket, question, BUSY_TIMEOUT_MS)
              : undefined,
        },
      ),
    );
    const unknown: readonly Finding[] =
      agent.kind === "answer"
        ? []
        : [
            {
              name: "agent",
              verdict: "info",
              evidence: `does not answer (${agent.reason}): names of nodes, unreachable nodes and what policies say are unknown`,
            },
          ];
    return answer(input, {
      source,
      target: formatTarget(target),
      from: describeEnd(sourceText, source),
      to: describeEnd(targetText, formatTarget(target)),
      findings: [...unknown, ...hops],
      json: switches.json,
    });
  } finally {
    close();
  }
}

interface Trace {
  readonly source: string;
  readonly target: string;
  /** Both as they were asked for. */
  readonly from: string;
  readonly to: string;
  readonly findings: readonly Finding[];
  readonly json: boolean;
}

function answer(
  { version, colours }: CommandInput,
  { source, target, from, to, findings, json }: Trace,
): CommandResult {
  const verdict = worstOf(findings);
  const broken = brokenHop(findings);
  const exitCode = exitCodeOf(verdict);
  if (json) {
    const report = { version, source, target, verdict, broken: broken?.name, findings };
    return { exitCode, stdout: jsonText(report), stderr: "" };
  }
  const conclusion = conclude(findings);
  const stdout = `${from} to ${to}\n${formatFindings(findings, { colours })}${conclusion}\n`;
  return { exitCode, stdout, stderr: "" };
}

/** A pod, a host or a URL as it was asked for, with the address that was found for it. */
function describeEnd(asked: string, found: string): string {
  return parseTarget(asked) === undefined ? `${asked} (${found})` : found;
}

function conclude(findings: readonly Finding[]): string {
  const broken = brokenHop(findings);
  if (broken !== undefined) return `broken at: ${broken.name}`;
  if (isTranslationUnknown(findings)) return "whether the path is complete is not visible from here";
  return "the path is complete, as far as this node can see";
}
