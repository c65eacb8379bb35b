import { type AgentState, checkAgent } from "../diagnosis/check-agent.ts";
import { checkApi } from "../diagnosis/check-api.ts";
import { checkBridge } from "../diagnosis/check-bridge.ts";
import { checkBridgeNetfilter } from "../diagnosis/check-bridge-netfilter.ts";
import { checkConntrack } from "../diagnosis/check-conntrack.ts";
import { checkForwardChains } from "../diagnosis/check-forward-chains.ts";
import { checkForwarding } from "../diagnosis/check-forwarding.ts";
import { checkKernel } from "../diagnosis/check-kernel.ts";
import { checkMtu, type MtuObservation } from "../diagnosis/check-mtu.ts";
import { checkPeers, type PeersObservation } from "../diagnosis/check-peers.ts";
import { checkPods } from "../diagnosis/check-pods.ts";
import { checkReversePath } from "../diagnosis/check-reverse-path.ts";
import { checkRivals } from "../diagnosis/check-rivals.ts";
import { checkShim } from "../diagnosis/check-shim.ts";
import { checkStaleFiles } from "../diagnosis/check-stale-files.ts";
import { checkVxlanPort } from "../diagnosis/check-vxlan-port.ts";
import { type Finding, judging, type Observed } from "../diagnosis/finding.ts";
import type { Rtnetlink } from "../kernel/rtnetlink.ts";
import { messageOf } from "../errors.ts";
import type { AgentAnswer } from "../report/ask-agent.ts";
import { listRivals } from "../rival-conflists.ts";
import { type ApiTarget, observeApi } from "./observe-api.ts";
import { type HostPaths, observeShim, observeStaleFiles } from "./observe-files.ts";
import { observeForwardChains } from "./observe-forward-chains.ts";
import { observeKernel } from "./observe-kernel.ts";
import { type NodeObservation, observeNode } from "./observe-node.ts";
import { observeOverlays } from "./observe-overlays.ts";
import { observePaths, type PathSockets } from "./observe-paths.ts";
import { observePods } from "./observe-pods.ts";
import {
  observeBridgeNetfilter,
  observeConntrack,
  observeForwarding,
  observeReversePath,
} from "./observe-sysctls.ts";
import { observeVxlanPort } from "./observe-vxlan-port.ts";

export interface DoctorInput {
  readonly paths: HostPaths;
  readonly api: ApiTarget;
  readonly nodeName: string;
  readonly version: string;
  /** Of the overlay, where no device tells it. */
  readonly vxlan: { readonly port: number; readonly vni: number };
  readonly agent: AgentAnswer;
}

/** Looks at the whole node, changes nothing, and tells what every check came to, in their order. */
export async function examineNode(sockets: PathSockets, input: DoctorInput): Promise<readonly Finding[]> {
  const { paths, api, nodeName, version, vxlan, agent } = input;
  const addresses = agent.kind === "answer" ? (agent.report.node.addresses ?? []) : [];
  const node = await observed(() => observeNode(sockets.rtnetlink, addresses));
  const ofNode = async <Value>(
    observe: (node: NodeObservation) => Promise<Value>,
  ): Promise<Observed<Value>> => ("value" in node ? observed(() => observe(node.value)) : node);
  const checks: readonly Promise<readonly Finding[]>[] = [
    Promise.resolve(checkAgent({ nodeName, ownVersion: version, agent: agentState(agent) })),
    check("shim", () => observeShim(paths), checkShim),
    check("stale files", () => observeStaleFiles(paths), checkStaleFiles),
    check("rival conflists", () => listRivals(paths.cniConfDir), checkRivals),
    check("kernel", observeKernel, checkKernel),
    ofNode((seen) => Promise.resolve(bridgeOf(seen))).then((seen) => judging("datapath", seen, checkBridge)),
    ofNode(async (seen) => ({ bridge: seen.bridge, pods: await observePods(sockets.rtnetlink, seen) })).then(
      (seen) => judging("pods", seen, checkPods),
    ),
    ofNode((seen) => observePeers(sockets.rtnetlink, seen, input)).then((seen) =>
      judging("other nodes", seen, checkPeers),
    ),
    ofNode(observeForwarding).then((seen) => judging("forwarding", seen, checkForwarding)),
    ofNode(observeReversePath).then((seen) => judging("rp_filter", seen, checkReversePath)),
    ofNode((seen) => observeForwardChains(seen.bridge?.name ?? DEFAULT_BRIDGE)).then((seen) =>
      judging("packet filters", seen, checkForwardChains),
    ),
    check("br_netfilter", observeBridgeNetfilter, checkBridgeNetfilter),
    check("conntrack", observeConntrack, checkConntrack),
    ofNode((seen) => observeMtu(sockets, seen)).then((seen) => judging("MTU", seen, checkMtu)),
    ofNode((seen) => observeVxlanPort(seen, vxlan)).then((seen) =>
      judging("VXLAN port", seen, checkVxlanPort),
    ),
    check("API server", () => observeApi(sockets.rtnetlink, api), checkApi),
  ];
  return (await Promise.all(checks)).flat();
}

function agentState(answer: AgentAnswer): AgentState {
  if (answer.kind === "silent") return answer;
  const { agent, readiness } = answer.report;
  return { kind: "answer", version: agent?.version ?? "unknown", reasons: readiness?.reasons ?? [] };
}

/** Name in remedies while there is no bridge. */
const DEFAULT_BRIDGE = "cw0";

async function observed<Value>(observe: () => Promise<Value>): Promise<Observed<Value>> {
  return observe().then(
    (value) => ({ value }),
    (error: unknown) => ({ error: messageOf(error) }),
  );
}

async function check<Value>(
  name: string,
  observe: () => Promise<Value>,
  judge: (value: Value) => readonly Finding[],
): Promise<readonly Finding[]> {
  return judging(name, await observed(observe), judge);
}

function bridgeOf({ bridge, gateways, tunnels }: NodeObservation) {
  const texts = gateways.map(({ address, prefixLength }) => `${address}/${prefixLength}`);
  return { bridge, gateways: texts, tunnels };
}

async function observePeers(
  rtnetlink: Rtnetlink,
  node: NodeObservation,
  { nodeName, agent }: Pick<DoctorInput, "nodeName" | "agent">,
): Promise<PeersObservation> {
  const overlays = await observeOverlays(rtnetlink, node);
  const lost = agent.kind === "answer" ? agent.report.peers.list : undefined;
  return {
    nodeName,
    direct: node.routes.length - overlays.length,
    overlays,
    unreachable: lost?.flatMap(({ node: name, podCIDR, reason }) =>
      reason === undefined ? [] : [{ node: name ?? podCIDR, reason }],
    ),
  };
}

async function observeMtu(sockets: PathSockets, node: NodeObservation): Promise<MtuObservation> {
  const { bridge, tunnels, uplinks } = node;
  if (bridge === undefined) throw new Error("there is no bridge of Causeway's");
  return { bridge, tunnels, uplinks, probes: await observePaths(sockets, node) };
}
