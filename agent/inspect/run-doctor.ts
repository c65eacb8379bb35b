import * as v from "valibot";
import { formatFindings } from "../diagnosis/format-findings.ts";
import { exitCodeOf, worstOf } from "../diagnosis/finding.ts";
import { openReader } from "../kernel/read/open-reader.ts";
import { loadAddon } from "../native/addon.ts";
import { ASK_TIMEOUT_MS, askAgent, askForCautions, BUSY_TIMEOUT_MS } from "../report/ask-agent.ts";
import {
  type CommandInput,
  type CommandLine,
  type CommandResult,
  isResult,
  jsonText,
  readCommandLine,
} from "../settings/command-line.ts";
import { OPTIONS } from "../settings/options.ts";
import { type DoctorInput, examineNode } from "./doctor.ts";
import { examineBeforeInstall } from "./install/examine-before-install.ts";

export const DOCTOR = {
  name: "doctor",
  summary: "Checks this node without changing it, and prints each fault with the command that fixes it",
  switches: {
    json: "the findings as one JSON object",
    "before-install": "checks a node before Causeway is installed; another plugin may still serve it",
  },
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
    "bridge",
  ],
  exitCodes: "0 nothing to do, 3 warnings, 4 faults, 1 the command itself failed, 2 wrong usage",
} as const;

/** Default TCP ports of the agent, by the chart's values that set others. */
const PORTS: ReadonlyMap<string, number> = new Map([
  ["http.port", v.parse(OPTIONS.http.schema, undefined).port],
  ["http.probesPort", v.parse(OPTIONS.probes.schema, undefined).port],
]);

export async function runDoctor(input: CommandInput): Promise<CommandResult> {
  const read = readCommandLine(DOCTOR, input.args);
  if (isResult(read)) return read;
  const { settings: flags, switches } = read;
  const reader = openReader();
  try {
    const findings = switches["before-install"]
      ? await examineBeforeInstall(reader, {
          ...placeOf(input, flags),
          bridge: flags.bridge,
          ports: PORTS,
        })
      : await examineNode(
          { ...reader, addon: loadAddon() },
          await askedOf(flags.socket, placeOf(input, flags)),
        );
    const verdict = worstOf(findings);
    const { version, colours } = input;
    const stdout = switches.json
      ? jsonText({ version, verdict, findings })
      : formatFindings(findings, { colours });
    return { exitCode: exitCodeOf(verdict), stdout, stderr: "" };
  } finally {
    reader.close();
  }
}

type Flags = CommandLine<(typeof DOCTOR.settings)[number], never>["settings"];
type Place = Omit<DoctorInput, "agent" | "cautions">;

/** Where things are, by the flags and the environment. */
function placeOf({ environment, hostName, version }: CommandInput, flags: Flags): Place {
  const { socket, cniBinDir, cniConfDir, cniConfName, kubeconfig, apiServer } = flags;
  return {
    paths: { socket, cniBinDir, cniConfDir, cniConfName },
    api: {
      kubeconfig,
      apiServer,
      isInCluster: environment["KUBERNETES_SERVICE_HOST"] !== undefined,
      version,
    },
    nodeName: flags.nodeName ?? environment["NODE_NAME"] ?? hostName,
    version,
    vxlan: { port: flags.vxlanPort, vni: flags.vxlanVni },
  };
}

/** The same with what the agent answers, whose settings win. */
async function askedOf(socket: string, place: Place): Promise<DoctorInput> {
  const agent = await askAgent(socket, { query: "report", timeoutMs: ASK_TIMEOUT_MS });
  if (agent.kind !== "answer") return { ...place, agent, cautions: undefined };
  const told = await askForCautions(socket, BUSY_TIMEOUT_MS);
  const settings = agent.report.agent?.settings;
  const { paths, vxlan } = place;
  return {
    ...place,
    paths: {
      socket,
      cniBinDir: settings?.cniBinDir ?? paths.cniBinDir,
      cniConfDir: settings?.cniConfDir ?? paths.cniConfDir,
      cniConfName: settings?.cniConfName ?? paths.cniConfName,
    },
    vxlan: { port: settings?.vxlanPort ?? vxlan.port, vni: settings?.vxlanVni ?? vxlan.vni },
    agent,
    cautions: told.kind === "answer" ? told.report.cautions : undefined,
  };
}
