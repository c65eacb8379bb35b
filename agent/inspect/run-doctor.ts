import { formatFindings } from "../diagnosis/format-findings.ts";
import { exitCodeOf, worstOf } from "../diagnosis/finding.ts";
import { messageOf } from "../lib/errors.ts";
import { loadNative } from "../kernel/socket/native.ts";
import { createRtnetlink } from "../kernel/socket/rtnetlink.ts";
import { NETLINK_NETFILTER } from "../netlink/nft/nft-generation.ts";
import { loadAddon } from "../native/addon.ts";
import { askAgent } from "../report/ask-agent.ts";
import { printableJson } from "../text/printable.ts";
import {
  ASK_TIMEOUT_MS,
  type CommandInput,
  type CommandResult,
  parseCommandLine,
  usageError,
} from "./command-line.ts";
import { examineNode } from "./doctor.ts";

const USAGE = `usage: causeway doctor [--json] [flags]

Looks at this node, changes nothing, and tells what is wrong and which command puts it right.
Exit code: 0 nothing to do, 3 warnings, 4 faults, 1 the command itself failed, 2 wrong usage.

flags, as the agent has them: --socket --cni-bin-dir --cni-conf-dir --cni-conf-name --node-name --kubeconfig --api-server --vxlan-port --vxlan-vni
`;

export async function runDoctor(input: CommandInput): Promise<CommandResult> {
  const { args, environment, hostName, version, colours } = input;
  let parsed: ReturnType<typeof parseCommandLine>;
  try {
    parsed = parseCommandLine(args);
  } catch (error) {
    return usageError("doctor", messageOf(error), USAGE);
  }
  const { values: flags, positionals } = parsed;
  if (flags.help) return { exitCode: 0, stdout: USAGE, stderr: "" };
  if (positionals[0] !== undefined)
    return usageError("doctor", `unknown argument "${positionals[0]}"`, USAGE);
  const agent = await askAgent(flags.socket, { query: "report", timeoutMs: ASK_TIMEOUT_MS });
  const settings = agent.kind === "answer" ? agent.report.agent?.settings : undefined;
  const native = loadNative();
  const [rtnetlink, netfilter] = [createRtnetlink(native), createRtnetlink(native, NETLINK_NETFILTER)];
  try {
    const findings = await examineNode(
      { rtnetlink, netfilter, addon: loadAddon() },
      {
        paths: {
          socket: flags.socket,
          cniBinDir: settings?.cniBinDir ?? flags["cni-bin-dir"],
          cniConfDir: settings?.cniConfDir ?? flags["cni-conf-dir"],
          cniConfName: settings?.cniConfName ?? flags["cni-conf-name"],
        },
        api: {
          kubeconfig: flags.kubeconfig,
          apiServer: flags["api-server"],
          isInCluster: environment["KUBERNETES_SERVICE_HOST"] !== undefined,
          version,
        },
        nodeName: flags["node-name"] ?? environment["NODE_NAME"] ?? hostName,
        version,
        vxlan: {
          port: settings?.vxlanPort ?? Number(flags["vxlan-port"]),
          vni: settings?.vxlanVni ?? Number(flags["vxlan-vni"]),
        },
        agent,
      },
    );
    const verdict = worstOf(findings);
    const stdout = flags.json
      ? `${printableJson(JSON.stringify({ format: 1, version, verdict, findings }, undefined, 2))}\n`
      : formatFindings(findings, { colours });
    return { exitCode: exitCodeOf(verdict), stdout, stderr: "" };
  } finally {
    netfilter.close();
    rtnetlink.close();
  }
}
