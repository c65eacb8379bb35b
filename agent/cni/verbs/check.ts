import { familyOf, parseAddress } from "../../net/address.ts";
import { parseCidr } from "../../net/cidr.ts";
import { hostLinkName } from "../../net/host-link.ts";
import { type Attachment, describePod } from "../../plan/pods/attachment.ts";
import { type PodPlan, planPodNetwork } from "../../plan/pods/pod-network.ts";
import type { PodRoute } from "../../plan/pods/pod-routing.ts";
import { CNI_CODE, CniError } from "../cni-error.ts";
import type { CommandsContext, RequestOf } from "./context.ts";
import type { JsonObject } from "../../lib/json.ts";
import { type ExpectedInterface, expectedInterface, listAt, prevResultOf } from "./prev-result.ts";

type Check = RequestOf<"CHECK">;

/** Results before 1.1.0 tell no MTU: then both ends of the veth must agree. */
const MTU_OF_HOST_END = 0;

/**
 * Compares the final result of the ADD with the kernel, for what we made; what later plugins added is no
 * fault. Tells all that is missing.
 */
export async function check(context: CommandsContext, request: Check): Promise<string> {
  const { kernel, attachments } = context;
  const { containerId, ifname, config, fds } = request;
  const prevResult = prevResultOf(config);
  if (prevResult === undefined)
    throw new CniError(CNI_CODE.invalidConfig, "Cannot check: prevResult is missing");
  const expected = expectedInterface(prevResult, ifname);
  const attachment = attachments.get(hostLinkName(containerId, ifname));
  const failed = (faults: readonly string[]): CniError => {
    const whose = describePod(attachment ?? { containerId });
    const message = `Interface "${ifname}" of ${whose} differs from what ADD configured: ${faults.join("; ")}`;
    return new CniError(CNI_CODE.checkFailed, message);
  };
  if (expected === undefined) throw failed([`prevResult has no interface "${ifname}" in a sandbox`]);
  if (attachment === undefined) throw failed(["this node has no such attachment"]);
  const plan = planExpected(context, request, attachment, expected);
  // At once: what is found later may be repaired by then.
  const [podFaults, rulesetFaults] = await Promise.all([
    kernel.checkPod(plan, fds, ownRoutes(prevResult, plan)),
    kernel.checkRuleset(),
  ]);
  const faults = [
    ...compareAddresses(attachment.addresses, expected.addresses),
    ...podFaults,
    ...rulesetFaults,
  ];
  if (faults.length > 0) throw failed(faults);
  return "";
}

/** The plan of the ADD, made again from what was reserved and from what the result says. */
function planExpected(
  { ipam }: CommandsContext,
  { config, containerId, ifname }: Check,
  { addresses, pod, settings }: Attachment,
  { mac, mtu }: ExpectedInterface,
): PodPlan {
  return planPodNetwork({
    network: config.name,
    containerId,
    ifname,
    mtu: mtu ?? MTU_OF_HOST_END,
    mac,
    pod,
    settings,
    addresses: addresses.map((address) => {
      return { family: familyOf(address), address, gateway: ipam.gatewayOf(address) ?? address };
    }),
  });
}

/**
 * The routes that the result has through our gateways: a second interface has no default route, and who
 * chains plugins may have taken it out.
 */
function ownRoutes(result: JsonObject, { pod }: PodPlan): readonly PodRoute[] {
  return listAt(result, "routes").flatMap(({ dst, gw }) => {
    const destination = typeof dst === "string" ? parseCidr(dst) : undefined;
    const gateway = pod.addresses.find((own) => typeof gw === "string" && parseAddress(gw) === own.gateway);
    return destination === undefined || gateway === undefined
      ? []
      : [{ destination, gateway: gateway.gateway }];
  });
}

/** Later plugins may have added addresses of their own to the interface; ours must be among them. */
function compareAddresses(reserved: readonly string[], told: readonly string[]): readonly string[] {
  const canonical = new Set(told.map((address) => parseAddress(address) ?? address));
  return reserved
    .filter((address) => !canonical.has(address))
    .map((address) => `prevResult does not have address ${address}, which is assigned to the pod`);
}
