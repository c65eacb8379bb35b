import { familyOf } from "../../net/address.ts";
import { cidrContains, cidrOf } from "../../net/cidr.ts";
import type { Finding } from "../finding.ts";
import type { PathObservation } from "../path-observation.ts";
import { sysctlCommand, upCommand } from "../shell.ts";

const NAME = "bridge";

/** The gateway of the pod: up, with its address, and forwarding. */
export function explainBridge(observation: PathObservation): Finding {
  const { bridge, gateways, source, ipv6Forwarding } = observation;
  const fail = (evidence: string, remedy?: string): Finding => ({
    name: NAME,
    verdict: "fail",
    evidence,
    remedy,
  });
  if (bridge === undefined) return fail("there is no Causeway bridge on this node");
  if (!bridge.up) return fail(`${bridge.name} is down`, upCommand(bridge.name));
  const gateway = gateways.find(({ address, prefixLength }) =>
    cidrContains(cidrOf(address, prefixLength), source),
  );
  if (gateway === undefined)
    return fail(`${bridge.name} has no gateway address whose PodCIDR contains ${source}`);
  if (familyOf(source) === 4 && bridge.inetConf?.forwarding === 0)
    return fail(
      `${bridge.name} does not forward IPv4`,
      sysctlCommand(`net/ipv4/conf/${bridge.name}/forwarding`, 1),
    );
  if (familyOf(source) === 6 && ipv6Forwarding !== 1)
    return fail("this node does not forward IPv6", sysctlCommand("net/ipv6/conf/all/forwarding", 1));
  return {
    name: NAME,
    verdict: "ok",
    evidence: `gateway ${gateway.address} on ${bridge.name}, forwards, MTU ${bridge.mtu}`,
  };
}
