import type { EncryptionObservation } from "../../diagnosis/encryption/check-encryption.ts";
import type { EncryptedObservation } from "../../diagnosis/encryption/explain-encrypted.ts";
import type { Datapath } from "../../kernel/read/observe-datapath.ts";
import { readWireGuard } from "../../kernel/read/read-wireguard.ts";
import type { NodeReport } from "../../report/node-report.ts";
import { cidrContains } from "../../net/cidr.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import { observeUdpPort } from "../udp-port.ts";

/** The WireGuard device with its port and peers; reading it needs CAP_NET_ADMIN. */
export async function observeEncryption(
  { wireguard: device }: Pick<Datapath, "wireguard">,
  report: NodeReport | undefined,
): Promise<EncryptionObservation> {
  const state = device === undefined ? undefined : await readWireGuard(device.name);
  const udp = state && (await observeUdpPort(state.port, { isWhole: device?.up === true }));
  return { device, state, udp, unanswered: unansweredOf(report), nowSeconds: Date.now() / 1000 };
}

/** The device, and its peer for an address. */
export async function observeEncrypted(
  device: Link,
  address: string,
  report: NodeReport | undefined,
): Promise<EncryptedObservation> {
  const state = await readWireGuard(device.name);
  const peer = state?.peers.find(({ allowedIps }) => allowedIps.some((cidr) => cidrContains(cidr, address)));
  return { device, peer, unanswered: unansweredOf(report), nowSeconds: Date.now() / 1000 };
}

/** The agent has watched its peers; one look shows only those that have never answered. */
function unansweredOf(report: NodeReport | undefined): ReadonlySet<string> {
  return new Set(report?.peers.unanswered);
}
