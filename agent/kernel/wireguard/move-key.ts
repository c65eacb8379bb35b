import { setLink } from "../../netlink/link/link.ts";
import { takePrivateKey } from "../../netlink/wireguard/parse-device.ts";
import { dumpDevice, setDevice, setPeers } from "../../netlink/wireguard/set-device.ts";
import { existingLink } from "../link/change-link.ts";
import type { WireGuardClients } from "./ensure-device.ts";
import { readDevice, requireFamily } from "./read-device.ts";

export interface KeyMove {
  /** Names of devices. */
  readonly from: string;
  readonly to: string;
}

/**
 * The device `to` takes the key of the device `from` by one message, which ends its sessions for sending; and
 * with it the alias, which tells the key's age. Gives the public key.
 */
export async function moveKey(
  { rtnetlink, generic }: WireGuardClients,
  { from, to }: KeyMove,
): Promise<string> {
  const action = `give WireGuard device "${to}" the key of "${from}"`;
  const family = await requireFamily(generic, action);
  const { alias } = await existingLink(rtnetlink, from);
  const { index } = await existingLink(rtnetlink, to);
  const peers = (await readDevice(generic, to))?.peers ?? [];
  const privateKey = takePrivateKey(await generic.dump(dumpDevice({ family, name: from })));
  if (privateKey === undefined) throw new Error(`Cannot ${action}: it has none`);
  try {
    const target = { family, name: to };
    const called = peers.map(({ publicKey }) => ({ publicKey, calls: true }));
    const requests = [setDevice(target, { privateKey }), ...setPeers(target, called)];
    await generic.execute(requests.map((request) => ({ requests: [request] })));
  } finally {
    privateKey.fill(0);
  }
  if (alias !== undefined) await rtnetlink.execute([{ requests: [setLink(index, { alias })] }]);
  const { publicKey } = (await readDevice(generic, to)) ?? {};
  if (publicKey === undefined) throw new Error(`Cannot ${action}: it was deleted meanwhile`);
  return publicKey;
}
