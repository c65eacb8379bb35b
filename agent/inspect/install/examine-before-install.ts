import { checkApi } from "../../diagnosis/agent/check-api.ts";
import { checkForwardChains } from "../../diagnosis/checks/check-forward-chains.ts";
import { checkForwarding } from "../../diagnosis/checks/check-forwarding.ts";
import { checkKernel } from "../../diagnosis/checks/check-kernel.ts";
import { checkVxlanPort } from "../../diagnosis/checks/check-vxlan-port.ts";
import type { Finding } from "../../diagnosis/finding.ts";
import { checkConfigurations } from "../../diagnosis/install/check-configurations.ts";
import { checkFolders } from "../../diagnosis/install/check-folders.ts";
import { checkListeners } from "../../diagnosis/install/check-listeners.ts";
import { checkPodCidrs, type PodCidrsObservation } from "../../diagnosis/install/check-pod-cidrs.ts";
import { checkUplinkMtu } from "../../diagnosis/install/check-uplink-mtu.ts";
import type { KernelReader } from "../../kernel/read/open-reader.ts";
import { type Family, familyOf } from "../../net/address.ts";
import { type Cidr, cidrOf, parseCidr } from "../../net/cidr.ts";
import { ALL_USES } from "../../plan/node/kernel-features.ts";
import type { DoctorInput } from "../doctor.ts";
import { observeApi } from "../observe/observe-api.ts";
import { observeConnections } from "../observe/observe-connections.ts";
import { type Datapath, observeDatapath } from "../../kernel/read/observe-datapath.ts";
import { observeForwardChains } from "../observe/observe-forward-chains.ts";
import { observeKernel } from "../observe/observe-kernel.ts";
import { observeForwarding } from "../observe/observe-sysctls.ts";
import { observeVxlanPort } from "../observe/observe-vxlan-port.ts";
import { check } from "../observed.ts";
import { observeConfigurations } from "./observe-configurations.ts";
import { observeFolders } from "./observe-folders.ts";
import { observeListeners } from "./observe-listeners.ts";
import { observeOwnNode } from "./observe-own-node.ts";

export interface PreflightInput extends Omit<DoctorInput, "agent" | "cautions"> {
  readonly bridge: string;
  /** TCP ports of the agent, by the chart's values that set them. */
  readonly ports: ReadonlyMap<string, number>;
}

type Own = Awaited<ReturnType<typeof observeOwnNode>>;

/** What would keep Causeway from serving this node, which another plugin may still serve. Changes nothing. */
export async function examineBeforeInstall(
  { rtnetlink }: Pick<KernelReader, "rtnetlink">,
  input: PreflightInput,
): Promise<readonly Finding[]> {
  const { paths, api, nodeName, bridge, ports, vxlan } = input;
  const own = await observeOwnNode(api, nodeName);
  const node = await observeDatapath(rtnetlink);
  const known = "name" in own ? own : undefined;
  const podCidrs = (known?.podCIDRs ?? []).flatMap((text) => parseCidr(text) ?? []);
  const families = [...new Set(podCidrs.map(({ family }) => family))];
  const { uplinks } = await observeConnections(rtnetlink, node, known?.addresses ?? []);
  const checks = [
    check("installation", async () => node, checkAbsence),
    check("CNI configurations", () => observeConfigurations(paths), checkConfigurations),
    check("folders", () => observeFolders([paths.cniBinDir, paths.cniConfDir]), checkFolders),
    check("kernel", () => observeKernel(ALL_USES), checkKernel),
    check("PodCIDRs", async () => podCidrsOf(own, podCidrs, node), checkPodCidrs),
    check(
      "VXLAN port",
      () => observeVxlanPort(node, vxlan),
      (seen) => checkVxlanPort(seen).map(asWarning),
    ),
    check("TCP ports", async () => ({ ports, taken: await observeListeners() }), checkListeners),
    check("MTU", async () => ({ uplinks, families, hasIpv6: hasIpv6(known?.addresses) }), checkUplinkMtu),
    // IPv4 the agent switches on itself, link by link: its links are not judged.
    check(
      "forwarding",
      async () => ({ ...(await observeForwarding({ ...node, families, uplinks })), links: [] }),
      checkForwarding,
    ),
    check("packet filters", () => observeForwardChains(bridge, filtered(families)), checkForwardChains),
    check(
      "API server",
      () => observeApi(rtnetlink, api),
      (seen) => checkApi(seen, { isAgentReady: false }),
    ),
  ];
  return (await Promise.all(checks)).flat();
}

function checkAbsence({ bridge }: Datapath): readonly Finding[] {
  const name = "installation";
  if (bridge === undefined) return [{ name, verdict: "ok", evidence: "this node has no Causeway bridge" }];
  const evidence = `this node has the Causeway bridge ${bridge.name}: run doctor without --before-install`;
  return [{ name, verdict: "warn", evidence }];
}

/** Another plugin may still use what is in the way: no remedy that removes it. */
function asWarning({ name, verdict, evidence }: Finding): Finding {
  return { name, verdict, evidence };
}

function podCidrsOf(
  own: Own,
  podCIDRs: readonly Cidr[],
  { links, addresses }: Datapath,
): PodCidrsObservation {
  if ("reason" in own) return { kind: "not asked", reason: own.reason };
  const names = new Map(links.map(({ index, name }) => [index, name]));
  return {
    kind: "known",
    nodeName: own.name,
    podCIDRs,
    prefixes: addresses.map(({ linkIndex, address, prefixLength }) => ({
      link: names.get(linkIndex) ?? String(linkIndex),
      address,
      cidr: cidrOf(address, prefixLength),
    })),
  };
}

function hasIpv6(addresses: readonly string[] = []): boolean {
  return addresses.some((address) => familyOf(address) === 6);
}

/** Families whose chains count; all while the PodCIDRs are unknown. */
function filtered(families: readonly Family[]): readonly Family[] {
  return families.length === 0 ? [4, 6] : families;
}
