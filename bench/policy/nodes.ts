import { formatObjects } from "../../agent/testing/kube/format-objects.ts";
import { startCauseway } from "../causeway.ts";
import { makeHost, netnsPath, run, show, writeWork } from "../machine.ts";
import type { Program } from "../program.ts";
import { run as runProgram } from "../run-program.ts";
import type { Path } from "../datapath/traffic.ts";
import { CLIENT_POD, type ClusterInput, makeCluster, PEERS_PER_POLICY, peerAddress } from "./objects.ts";

/** Pods that stay: the client and the server of the traffic. */
export const STAYING = 2;
/** Pods that come and go. */
export const COMING = 20;

/** A node with a client and a server. */
export interface PolicyNode {
  readonly id: string;
  readonly name: string;
  readonly program: Program;
  readonly path: Path;
}

export interface PolicyNodeInput {
  readonly id: string;
  readonly name: string;
  /** Unique; see makeHost(). */
  readonly number: number;
  readonly policies?: Omit<ClusterInput, "pods">;
  /** As many policies, made by hand: a rule for each one. */
  readonly rules?: number;
}

export async function makePolicyNode(input: PolicyNodeInput): Promise<PolicyNode> {
  const { id, name, number, policies, rules } = input;
  const pods = STAYING + COMING;
  const host = makeHost(id, number, pods);
  const program = await startCauseway({
    id,
    host,
    podCIDRs: ["10.0.1.0/24"],
    ...(policies !== undefined && { objects: writeObjects(id, makeCluster({ ...policies, pods })) }),
  });
  runProgram({ program, command: "ADD", pods: [0, 1], concurrency: 1 });
  const [client = "", server = ""] = host.podNetns;
  const address = addressOf(server);
  if (rules !== undefined) makeRules(host.netns, { rules, client: addressOf(client), server: address });
  return { id, name, program, path: { client: netnsPath(client), server: netnsPath(server), address } };
}

/** A folder of its own, because the agent watches it. */
export function writeObjects(id: string, objects: readonly object[]): string {
  run(["mkdir", "-p", `/run/bench/${id}-objects`]);
  return writeWork(`${id}-objects/objects.yaml`, formatObjects(objects));
}

function addressOf(netns: string): string {
  const [link] = show(netns, "ip", "-4", "address", "show", "eth0") as { addr_info: { local: string }[] }[];
  return link?.addr_info[0]?.local ?? "";
}

interface RulesInput {
  readonly rules: number;
  readonly client: string;
  readonly server: string;
}

/** Where ours judges, for the same pods; the last rule lets the client in. */
function makeRules(netns: string, { rules, client, server }: RulesInput): void {
  const lines = Array.from({ length: rules }, (_, policy) => {
    const peers = Array.from({ length: PEERS_PER_POLICY }, (_item, peer) =>
      peerAddress(policy * PEERS_PER_POLICY + peer),
    );
    if (policy === rules - 1) peers[CLIENT_POD] = client;
    return `ip saddr { ${peers.join(", ")} } th dport 5001 accept`;
  });
  const table = `table inet by-hand {
    chain policies {
      ${lines.join("\n")}
      drop
    }
    chain postrouting {
      type filter hook postrouting priority 90
      ct state established,related accept
      ip daddr ${server} jump policies
    }
  }`;
  run(["ip", "netns", "exec", netns, "nft", "-f", "-"], table);
}
