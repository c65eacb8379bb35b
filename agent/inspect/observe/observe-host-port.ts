import type { HostPortObservation } from "../../diagnosis/path-observation.ts";
import type { Target } from "../../diagnosis/target.ts";
import { messageOf } from "../../lib/errors.ts";
import { familyOf } from "../../net/address.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import { parseAttachment } from "../../plan/pods/attachment.ts";
import { formatPortKey, hasFamily, type HostPort, isAnyAddress } from "../../plan/pods/host-ports.ts";
import type { TableQuestions } from "../../kernel/read/table-questions.ts";

/** What the kernel holds about a port of this node, in the names of pods' links and in the maps. */
export async function observeHostPort(
  tables: TableQuestions,
  hostLinks: readonly Link[],
  target: Target,
): Promise<Omit<HostPortObservation, "isLocal"> | undefined> {
  const { address, port } = target;
  if (port === undefined) return undefined;
  const family = familyOf(address);
  const binding = findBinding(hostLinks, target);
  const any = { set: `ports${family}`, key: [port.protocol, port.number] };
  const one = { set: `addressports${family}`, key: [address, ...any.key] };
  try {
    // As the rules do: first the port of one address, then that of all.
    for (const { set, key } of [one, any]) {
      const answer = await tables.element(set, key);
      if (answer.kind === "present")
        return { binding, set, key: formatPortKey(key), element: { value: answer.value } };
    }
    const place = binding?.isOne === true ? one : any;
    return { binding, set: place.set, key: formatPortKey(place.key), element: { value: undefined } };
  } catch (error) {
    return { binding, set: any.set, key: formatPortKey(any.key), element: { error: messageOf(error) } };
  }
}

function findBinding(hostLinks: readonly Link[], { address, port }: Target) {
  const family = familyOf(address);
  const isAsked = ({ hostIp, protocol, hostPort }: HostPort): boolean =>
    protocol === port?.protocol && hostPort === port.number && (hostIp === address || isAnyAddress(hostIp));
  for (const link of hostLinks) {
    const attachment = parseAttachment(link);
    const hostPort = attachment?.settings?.hostPorts.find(
      (candidate) => isAsked(candidate) && hasFamily(candidate, family),
    );
    const podAddress = attachment?.addresses.find((candidate) => familyOf(candidate) === family);
    if (hostPort === undefined || attachment === undefined || podAddress === undefined) continue;
    const { containerId, pod } = attachment;
    const isOne = !isAnyAddress(hostPort.hostIp);
    return {
      hostLink: link.name,
      containerId,
      pod,
      address: podAddress,
      port: hostPort.containerPort,
      isOne,
    };
  }
  return undefined;
}
