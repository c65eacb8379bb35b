import { type AgentState, checkAgent } from "../diagnosis/agent/check-agent.ts";
import { checkApi } from "../diagnosis/agent/check-api.ts";
import { checkBridge } from "../diagnosis/checks/check-bridge.ts";
import { checkBridgeNetfilter } from "../diagnosis/checks/check-bridge-netfilter.ts";
import { checkConntrack } from "../diagnosis/checks/check-conntrack.ts";
import { checkForwardChains } from "../diagnosis/checks/check-forward-chains.ts";
import { checkEncryption } from "../diagnosis/encryption/check-encryption.ts";
import { checkForwarding } from "../diagnosis/checks/check-forwarding.ts";
import { checkKernel } from "../diagnosis/checks/check-kernel.ts";
import { checkMtu, type MtuObservation } from "../diagnosis/checks/check-mtu.ts";
import { checkOverlayGuard } from "../diagnosis/checks/check-overlay-guard.ts";
import { checkPeers, type PeersObservation } from "../diagnosis/checks/check-peers.ts";
import { checkPods } from "../diagnosis/checks/check-pods.ts";
import { checkMarkBit, checkPolicies } from "../diagnosis/checks/check-policies.ts";
import { checkReversePath } from "../diagnosis/checks/check-reverse-path.ts";
import { checkRivals } from "../diagnosis/agent/check-rivals.ts";
import { checkShim } from "../diagnosis/agent/check-shim.ts";
import { checkSources } from "../diagnosis/checks/check-sources.ts";
import { checkStaleFiles } from "../diagnosis/agent/check-stale-files.ts";
import { checkVxlanPort } from "../diagnosis/checks/check-vxlan-port.ts";
import { type Finding, judging } from "../diagnosis/finding.ts";
import { listTable } from "../kernel/nft/list-table.ts";
import type { AgentAnswer } from "../report/ask-agent.ts";
import { listRivals } from "../host/rival-conflists.ts";
import { observeApi } from "./observe/observe-api.ts";
import type { ApiTarget } from "./open-api.ts";
import { type HostPaths, observeShim, observeStaleFiles } from "./observe/observe-files.ts";
import { observeForwardChains } from "./observe/observe-forward-chains.ts";
import { ALL_USES, type KernelUses } from "../plan/node/kernel-features.ts";
import { observeKernel } from "./observe/observe-kernel.ts";
import { type Datapath, observeDatapath } from "../kernel/read/observe-datapath.ts";
import { observePaths, type PathSockets } from "./observe/observe-paths.ts";
import { check, observed } from "./observed.ts";
import { observeMarks } from "./observe/observe-policies.ts";
import { observePods, observeSources } from "./observe/observe-pods.ts";
import {
  observeBridgeNetfilter,
  observeConntrack,
  observeForwarding,
  observeReversePath,
} from "./observe/observe-sysctls.ts";
import { observeConnections, type ConnectionObservation } from "./observe/observe-connections.ts";
import { observeEncryption } from "./observe/observe-encryption.ts";
import { observeVxlanPort } from "./observe/observe-vxlan-port.ts";

export interface DoctorInput {
  readonly paths: HostPaths;
  readonly api: ApiTarget;
  readonly nodeName: string;
  readonly version: string;
  /** Of the overlay, where no device tells it. */
  readonly vxlan: { readonly port: number; readonly vni: number };
  readonly agent: AgentAnswer;
  /** What the agent thinks of policies; undefined: it enforces none, or does not tell. */
  readonly cautions: readonly string[] | undefined;
}

/** Name in remedies while there is no bridge. */
const DEFAULT_BRIDGE = "cw0";

type Machine = Datapath & ConnectionObservation;

/** One check of the machine, which is observed once for all. */
type CheckMachine = <Value>(
  name: string,
  observe: (machine: Machine) => Value | Promise<Value>,
  judge: (value: Value) => readonly Finding[],
) => Promise<readonly Finding[]>;

type Checks = readonly Promise<readonly Finding[]>[];

/** Looks at the whole node, changes nothing, and tells what every check came to, in their order. */
export async function examineNode(sockets: PathSockets, input: DoctorInput): Promise<readonly Finding[]> {
  const { rtnetlink } = sockets;
  const { agent } = input;
  const nodeAddresses = agent.kind === "answer" ? (agent.report.node.addresses ?? []) : [];
  const machine = observed(async () => {
    const node = await observeDatapath(rtnetlink);
    return { ...node, ...(await observeConnections(rtnetlink, node, nodeAddresses)) };
  });
  const ofMachine: CheckMachine = async (name, observe, judge) => {
    const seen = await machine;
    if ("error" in seen) return judging(name, seen, () => []);
    return check(name, async () => observe(seen.value), judge);
  };
  const checks = [
    ...checkInstallation(input),
    ...checkDatapath(ofMachine, sockets, input),
    ...checkSurroundings(ofMachine, sockets, input),
  ];
  return (await Promise.all(checks)).flat();
}

/** Agent, shim and files, and what the kernel can do. */
function checkInstallation({ paths, nodeName, version, agent }: DoctorInput): Checks {
  return [
    check("agent", async () => ({ nodeName, ownVersion: version, agent: agentState(agent) }), checkAgent),
    check("shim", async () => ({ ...(await observeShim(paths)), agentVersion: versionOf(agent) }), checkShim),
    check(
      "stale files",
      () => observeStaleFiles(paths),
      (files) => checkStaleFiles(files, nodeName),
    ),
    check("rival conflists", () => listRivals(paths), checkRivals),
    check("kernel", () => observeKernel(usesOf(agent)), checkKernel),
  ];
}

/** What is ours in the kernel. */
function checkDatapath(
  ofMachine: CheckMachine,
  { rtnetlink, netfilter }: PathSockets,
  input: DoctorInput,
): Checks {
  const { nodeName, vxlan, agent } = input;
  return [
    // Before what it holds down: remedies are run in the order in which they are printed.
    ofMachine("VXLAN port", (node) => observeVxlanPort(node, vxlan), checkVxlanPort),
    ofMachine("datapath", bridgeOf, checkBridge),
    ofMachine(
      "pods",
      async (node) => ({ bridge: node.bridge, pods: await observePods(rtnetlink, node) }),
      checkPods,
    ),
    ofMachine(
      "source check",
      async ({ hostLinks }) => ({
        nodeName,
        table: await listTable(netfilter, { family: "bridge" }),
        pods: observeSources(hostLinks),
      }),
      checkSources,
    ),
    ofMachine("other nodes", (node) => peersOf(node, input), checkPeers),
    ofMachine(
      "encryption",
      (node) => observeEncryption(node, agent.kind === "answer" ? agent.report : undefined),
      checkEncryption,
    ),
    ofMachine(
      "overlay guard",
      async ({ overlays }) => ({ nodeName, overlays, table: await listTable(netfilter, { family: "inet" }) }),
      checkOverlayGuard,
    ),
  ];
}

/** What of the machine and its networks stands in the way. */
function checkSurroundings(
  ofMachine: CheckMachine,
  sockets: PathSockets,
  { api, agent, cautions }: DoctorInput,
): Checks {
  const { rtnetlink } = sockets;
  return [
    ofMachine("forwarding", observeForwarding, checkForwarding),
    ofMachine("rp_filter", observeReversePath, checkReversePath),
    ofMachine(
      "packet filters",
      ({ bridge, families }) => observeForwardChains(bridge?.name ?? DEFAULT_BRIDGE, families),
      checkForwardChains,
    ),
    check("policies", () => Promise.resolve(cautions), checkPolicies),
    check("policy mark", () => observeMarks(sockets.netfilter, agent), checkMarkBit),
    check("br_netfilter", observeBridgeNetfilter, checkBridgeNetfilter),
    check("conntrack", observeConntrack, checkConntrack),
    ofMachine("MTU", (node) => observeMtu(sockets, node, agent), checkMtu),
    check(
      "API server",
      () => observeApi(rtnetlink, api),
      (seen) => checkApi(seen, { isAgentReady: isReady(agent) }),
    ),
  ];
}

function isReady(agent: AgentAnswer): boolean {
  return agent.kind === "answer" && agent.report.readiness?.isReady === true;
}

/** An agent that does not tell may do all of it. */
function usesOf(answer: AgentAnswer): KernelUses {
  if (answer.kind !== "answer") return ALL_USES;
  const { agent, peers } = answer.report;
  return {
    masquerade: agent?.settings.masquerade.length !== 0,
    overlay: agent?.source.isComplete !== true || (peers.counts.overlay ?? 0) > 0,
  };
}

function versionOf(answer: AgentAnswer): string | undefined {
  return answer.kind === "answer" ? answer.report.agent?.version : undefined;
}

function agentState(answer: AgentAnswer): AgentState {
  if (answer.kind === "silent") return answer;
  const { agent, readiness } = answer.report;
  return { kind: "answer", version: agent?.version ?? "unknown", reasons: readiness?.reasons ?? [] };
}

function bridgeOf({ bridge, gateways, tunnels }: Datapath) {
  const texts = gateways.map(({ address, prefixLength }) => `${address}/${prefixLength}`);
  return { bridge, gateways: texts, tunnels };
}

function peersOf(
  { directRoutes, encryptedRoutes, overlays }: ConnectionObservation,
  { nodeName, agent }: Pick<DoctorInput, "nodeName" | "agent">,
): PeersObservation {
  const known = agent.kind === "answer" ? agent.report.peers.list : undefined;
  return {
    nodeName,
    direct: directRoutes,
    encrypted: encryptedRoutes,
    overlays,
    unreachable: known?.flatMap(({ node, podCIDR, reason }) =>
      reason === undefined ? [] : [{ node: node ?? podCIDR, reason }],
    ),
  };
}

async function observeMtu(sockets: PathSockets, node: Machine, agent: AgentAnswer): Promise<MtuObservation> {
  const { bridge, tunnels, families, carries = 0 } = node;
  if (bridge === undefined) throw new Error("there is no Causeway bridge");
  // A narrower way out of the cluster is not what pods' MTU follows.
  const uplinks = node.uplinks.filter(({ mtu }) => mtu >= carries);
  const configured = agent.kind === "answer" ? agent.report.agent?.settings.mtu : undefined;
  return { bridge, tunnels, uplinks, families, configured, probes: await observePaths(sockets, node, node) };
}
