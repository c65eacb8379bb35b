import { formatFindings } from "../diagnosis/format-findings.ts";
import { exitCodeOf, worstOf } from "../diagnosis/finding.ts";
import { loadNative } from "../kernel/socket/native.ts";
import { createNetlinkClient } from "../kernel/socket/netlink-client.ts";
import { NETLINK_NETFILTER } from "../netlink/nft/nft-generation.ts";
import { loadAddon } from "../native/addon.ts";
import { ASK_TIMEOUT_MS, askAgent, askForCautions, BUSY_TIMEOUT_MS } from "../report/ask-agent.ts";
import {
  type CommandInput,
  type CommandResult,
  isResult,
  jsonText,
  readCommandLine,
} from "../settings/command-line.ts";
import { examineNode } from "./doctor.ts";

export const DOCTOR = {
  name: "doctor",
  summary: "Checks this node without changing it, and prints what is wrong and the command that fixes it",
  switches: { json: "the findings as one JSON object" },
  settings: [
    "socket",
    "cniBinDir",
    "cniConfDir",
    "cniConfName",
    "nodeName",
    "kubeconfig",
    "apiServer",
    "vxlanPort",
    "vxlanVni",
  ],
  exitCodes: "0 nothing to do, 3 warnings, 4 faults, 1 the command itself failed, 2 wrong usage",
} as const;

export async function runDoctor(input: CommandInput): Promise<CommandResult> {
  const { args, environment, hostName, version, colours } = input;
  const read = readCommandLine(DOCTOR, args);
  if (isResult(read)) return read;
  const { settings: flags, switches } = read;
  const agent = await askAgent(flags.socket, { query: "report", timeoutMs: ASK_TIMEOUT_MS });
  const told = agent.kind === "answer" ? await askForCautions(flags.socket, BUSY_TIMEOUT_MS) : agent;
  const settings = agent.kind === "answer" ? agent.report.agent?.settings : undefined;
  const native = loadNative();
  const [rtnetlink, netfilter] = [
    createNetlinkClient(native),
    createNetlinkClient(native, NETLINK_NETFILTER),
  ];
  try {
    const findings = await examineNode(
      { rtnetlink, netfilter, addon: loadAddon() },
      {
        paths: {
          socket: flags.socket,
          cniBinDir: settings?.cniBinDir ?? flags.cniBinDir,
          cniConfDir: settings?.cniConfDir ?? flags.cniConfDir,
          cniConfName: settings?.cniConfName ?? flags.cniConfName,
        },
        api: {
          kubeconfig: flags.kubeconfig,
          apiServer: flags.apiServer,
          isInCluster: environment["KUBERNETES_SERVICE_HOST"] !== undefined,
          version,
        },
        nodeName: flags.nodeName ?? environment["NODE_NAME"] ?? hostName,
        version,
        vxlan: {
          port: settings?.vxlanPort ?? flags.vxlanPort,
          vni: settings?.vxlanVni ?? flags.vxlanVni,
        },
        agent,
        cautions: told.kind === "answer" ? told.report.cautions : undefined,
      },
    );
    const verdict = worstOf(findings);
    const stdout = switches.json
      ? jsonText({ format: 1, version, verdict, findings })
      : formatFindings(findings, { colours });
    return { exitCode: exitCodeOf(verdict), stdout, stderr: "" };
  } finally {
    netfilter.close();
    rtnetlink.close();
  }
}
