import { brokenHop, explainPath } from "../diagnosis/path/explain-path.ts";
import { exitCodeOf, type Finding, worstOf } from "../diagnosis/finding.ts";
import { formatFindings } from "../diagnosis/format-findings.ts";
import { formatTarget, parseTarget } from "../diagnosis/target.ts";
import { messageOf } from "../lib/errors.ts";
import { loadNative } from "../kernel/socket/native.ts";
import { createRtnetlink } from "../kernel/socket/rtnetlink.ts";
import { familyOf, parseAddress } from "../net/address.ts";
import { NETLINK_NETFILTER } from "../netlink/nft/nft-generation.ts";
import { askAgent } from "../report/ask-agent.ts";
import { printableJson } from "../text/printable.ts";
import {
  ASK_TIMEOUT_MS,
  type CommandInput,
  type CommandResult,
  parseCommandLine,
  usageError,
} from "./command-line.ts";
import { observePath } from "./observe/observe-path.ts";

const USAGE = `usage: causeway trace [--json] [flags] POD_IP TARGET

Explains hop by hop the way from a pod of this node to TARGET, and of the answers, from what the kernel says that it would do. Sends nothing.
TARGET: ADDRESS, ADDRESS:PORT[/udp|/sctp], [IPV6]:PORT.
Exit code: 0 the way is whole, 3 warnings, 4 it is broken, 1 the command itself failed, 2 wrong usage.

flags, as the agent has them: --socket --node-name
`;

export async function runTrace(input: CommandInput): Promise<CommandResult> {
  let parsed: ReturnType<typeof parseCommandLine>;
  try {
    parsed = parseCommandLine(input.args);
  } catch (error) {
    return usageError("trace", messageOf(error), USAGE);
  }
  const { values: flags, positionals } = parsed;
  if (flags.help) return { exitCode: 0, stdout: USAGE, stderr: "" };
  const [sourceText = "", targetText = "", ...rest] = positionals;
  const source = parseAddress(sourceText);
  const target = parseTarget(targetText);
  if (source === undefined) return usageError("trace", `POD_IP "${sourceText}" is no address`, USAGE);
  if (target === undefined) return usageError("trace", `TARGET "${targetText}" is no address`, USAGE);
  if (rest.length > 0) return usageError("trace", `unknown argument "${rest[0]}"`, USAGE);
  if (familyOf(source) !== familyOf(target.address))
    return usageError("trace", `${source} and ${target.address} are of different families`, USAGE);
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
          nodeName: flags["node-name"] ?? input.environment["NODE_NAME"] ?? input.hostName,
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
      json: flags.json,
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
  const conclusion =
    broken === undefined ? "the way is whole, as far as this node can see" : `broken at: ${broken.name}`;
  const stdout = `${source} to ${target}\n${formatFindings(findings, { colours })}${conclusion}\n`;
  return { exitCode, stdout, stderr: "" };
}
