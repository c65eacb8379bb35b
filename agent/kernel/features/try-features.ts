import { codeOf } from "../../lib/errors.ts";
import type { KernelFeature } from "../../plan/node/kernel-features.ts";
import type { Native } from "../socket/native.ts";
import { createNetlinkClient, type NetlinkClient } from "../socket/netlink-client.ts";
import { type FeatureTrial, trialOf } from "./feature-trials.ts";

type Asked = Pick<NetlinkClient, "tryExecute">;

export interface TriedFeatures {
  /** Those that the kernel has neither built in nor as a module that it can load. */
  readonly refused: readonly KernelFeature[];
  /** Those of which it does not tell: it does not to whom lacks CAP_NET_ADMIN, for one. */
  readonly untried: readonly KernelFeature[];
}

/**
 * Asks the kernel for features by netlink, those of nftables apart. Changes nothing, but the kernel loads the
 * modules of what it has.
 */
export async function tryFeatures(
  features: readonly KernelFeature[],
  clientOf: (protocol: number) => Asked,
): Promise<TriedFeatures> {
  const refused: KernelFeature[] = [];
  const untried: KernelFeature[] = [];
  for (const feature of features) {
    const { probe } = feature;
    const trial = typeof probe === "object" ? trialOf(probe) : undefined;
    const has = trial && judge(trial, await ask(clientOf(trial.protocol), trial));
    if (has === undefined) untried.push(feature);
    else if (!has) refused.push(feature);
  }
  return { refused, untried };
}

/** By sockets of its own, one for each protocol. */
export async function tryFeaturesApart(
  native: Native,
  features: readonly KernelFeature[],
): Promise<TriedFeatures> {
  const clients = new Map<number, NetlinkClient>();
  const clientOf = (protocol: number): NetlinkClient => {
    const client = clients.get(protocol) ?? createNetlinkClient(native, protocol);
    clients.set(protocol, client);
    return client;
  };
  try {
    return await tryFeatures(features, clientOf);
  } finally {
    for (const client of clients.values()) client.close();
  }
}

/** The code of the error; undefined without one. */
async function ask(client: Asked, { request }: FeatureTrial): Promise<string | undefined> {
  try {
    const [[outcome] = []] = await client.tryExecute([{ requests: [request] }]);
    return outcome?.status === "failed" ? outcome.error.code : undefined;
  } catch (error) {
    // No socket could be opened.
    return String(codeOf(error));
  }
}

/** Whether the kernel has it; undefined: the answer does not tell. */
function judge({ present, missing }: FeatureTrial, code: string | undefined): boolean | undefined {
  if (code === present) return true;
  return code !== undefined && missing.includes(code) ? false : undefined;
}
