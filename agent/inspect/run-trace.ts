import { brokenHop, explainPath } from "../diagnosis/path/explain-path.ts";
import { isTranslationUnknown } from "../diagnosis/path/explain-translation.ts";
import { exitCodeOf, type Finding, worstOf } from "../diagnosis/finding.ts";
import { formatFindings } from "../diagnosis/format-findings.ts";
import { formatTarget, parseTarget } from "../diagnosis/target.ts";
import { loadNative } from "../kernel/socket/native.ts";
import { createRtnetlink } from "../kernel/socket/rtnetlink.ts";
import { familyOf, parseAddress } from "../net/address.ts";
import { NETLINK_NETFILTER } from "../netlink/nft/nft-generation.ts";
import { ASK_TIMEOUT_MS, askAgent } from "../report/ask-agent.ts";
import { printableJson } from "../text/printable.ts";
import {
  type CommandInput,
  type CommandResult,
  isResult,
  readCommandLine,
  usageError,
} from "../settings/command-line.ts";
import { observePath } from "./observe/observe-path.ts";

export const TRACE = {
  name: "trace",
  summary: "Explains hop by hop the way from a pod of this node to TARGET, and of the answers",
  about: `From what the kernel says that it would do; sends nothing.
TARGET: ADDRESS, ADDRESS:PORT[/udp|/sctp], [IPV6]:PORT.`,
  operands: ["POD_IP", "TARGET"],
  switches: { json: "the hops as one JSON object" },
  settings: ["socket", "nodeName"],
  exitCodes: "0 the way is whole, 3 warnings, 4 it is broken, 1 the command itself failed, 2 wrong usage",
} as const;

export async function runTrace(input: CommandInput): Promise<CommandResult> {
  const read = readCommandLine(TRACE, input.args);
  if (isResult(read)) return read;
  const { settings: flags, switches, operands } = read;
  const [sourceText = "", targetText = ""] = operands;
  const source = parseAddress(sourceText);
  const target = parseTarget(targetText);
  if (source === undefined) return usageError(TRACE, `POD_IP "${sourceText}" is not an address`);
  if (target === undefined) return usageError(TRACE, `TARGET "${targetText}" is not an address`);
  if (familyOf(source) !== familyOf(target.address))
    return usageError(TRACE, `${source} and ${target.address} are of different families`);
  const agent = await askAgent(flags.socket, { query: "report all", timeoutMs: ASK_TIMEOUT_MS });
  const native = loadNative();
  const [rtnetlink, netfilter] = [createRtnetlink(native), createRtnetlink(native, NETLINK_NETFILTER)];
  try {
    const hops = explainPath(
      await observePath(
        { rtnetlink, netfilter },
        {
          source,
          target,
          nodeName: flags.nodeName ?? input.environment["NODE_NAME"] ?? input.hostName,
          report: agent.kind === "answer" ? agent.report : undefined,
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
              evidence: `does not answer (${agent.reason}): names of nodes, and those without a way, cannot be known`,
            },
          ];
    return answer(input, {
      source,
      target: formatTarget(target),
      findings: [...unknown, ...hops],
      json: switches.json,
    });
  } finally {
    netfilter.close();
    rtnetlink.close();
  }
}

interface Trace {
  readonly source: string;
  readonly target: string;
  readonly findings: readonly Finding[];
  readonly json: boolean;
}

function answer(
  { version, colours }: CommandInput,
  { source, target, findings, json }: Trace,
): CommandResult {
  const verdict = worstOf(findings);
  const broken = brokenHop(findings);
  const exitCode = exitCodeOf(verdict);
  if (json) {
    const report = { format: 1, version, source, target, verdict, broken: broken?.name, findings };
    return { exitCode, stdout: `${printableJson(JSON.stringify(report, undefined, 2))}\n`, stderr: "" };
  }
  const conclusion = conclude(findings);
  const stdout = `${source} to ${target}\n${formatFindings(findings, { colours })}${conclusion}\n`;
  return { exitCode, stdout, stderr: "" };
}

function conclude(findings: readonly Finding[]): string {
  const broken = brokenHop(findings);
  if (broken !== undefined) return `broken at: ${broken.name}`;
  if (isTranslationUnknown(findings)) return "whether the way is whole cannot be told from here";
  return "the way is whole, as far as this node can see";
}
