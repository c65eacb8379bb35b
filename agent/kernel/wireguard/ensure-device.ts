import { randomBytes } from "node:crypto";
import { LINK_GROUP } from "../../net/host-link.ts";
import { WG_KEY_LEN } from "../../netlink/constants.ts";
import { deleteLink } from "../../netlink/link/link.ts";
import type { Link } from "../../netlink/link/parse-link.ts";
import { createPlainLink } from "../../netlink/link/plain-link.ts";
import { isAddressInUse, isNotSupported } from "../../netlink/message/netlink-error.ts";
import { setDevice } from "../../netlink/wireguard/set-device.ts";
import type { WireGuardDevicePlan, WireGuardState } from "../../plan/encryption/wireguard.ts";
import { changeLink, diffRoutedLink, existingLink } from "../link/change-link.ts";
import { ensureHostAddresses } from "../link/ensure-host-addresses.ts";
import { formatKeyAlias, parseKeyBirth } from "../../plan/encryption/key-birth.ts";
import { monotonicMs } from "../pod/monotonic-ms.ts";
import { isOurs, WIREGUARD_ALIAS } from "../link/ownership.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import { findLink } from "../socket/read-one.ts";
import { readDevice, requireFamily } from "./read-device.ts";
import {
  type EnsuredWireGuardDevice,
  WireGuardMissingError,
  WireGuardPortError,
} from "./wireguard-kernel.ts";

export interface WireGuardClients {
  readonly rtnetlink: NetlinkClient;
  /** For NETLINK_GENERIC. */
  readonly generic: NetlinkClient;
}

export interface EnsuredDevice extends EnsuredWireGuardDevice {
  /** Whether the device has no peers of before. */
  readonly isNew: boolean;
}

/** Makes a device as planned; the key is there before the device is up. */
export async function ensureDevice(
  clients: WireGuardClients,
  plan: WireGuardDevicePlan,
): Promise<EnsuredDevice> {
  const { rtnetlink, generic } = clients;
  const { name, mtu, addresses } = plan;
  const device = `WireGuard device "${name}"`;
  const faults: string[] = [];
  const found = await findLink(rtnetlink, name);
  if (found !== undefined && !isOwnDevice(found))
    throw new Error(
      `Cannot use ${device}: a link of that name exists that the agent did not create; remove it`,
    );
  if (found === undefined) faults.push(`${device} is missing`);
  const link = found ?? (await makeDevice(rtnetlink, plan));
  const { publicKey, changed } = await ensureKeyAndPort(generic, plan);
  const nowMs = monotonicMs();
  const bornMs = parseKeyBirth(link.alias, publicKey) ?? nowMs;
  const alias = formatKeyAlias(WIREGUARD_ALIAS, publicKey, bornMs);
  const routed = await explainPort(plan, () =>
    changeLink(rtnetlink, link, (current) => diffRoutedLink({ alias, mtu }, current)),
  );
  const unexpected = [...changed, ...routed.changed];
  if (faults.length === 0 && unexpected.length > 0)
    faults.push(`${device} has an unexpected ${unexpected.join(", ")}`);
  faults.push(...(await ensureHostAddresses(rtnetlink, { device, linkIndex: link.index, addresses })));
  const changes = faults.map((fault) => ({ kind: "encryption device" as const, fault }));
  return { publicKey, keyAgeMs: nowMs - bornMs, index: link.index, changes, isNew: found === undefined };
}

function isOwnDevice(link: Link): boolean {
  return link.kind === "wireguard" && isOurs(link);
}

async function makeDevice(rtnetlink: NetlinkClient, { name, mtu }: WireGuardDevicePlan): Promise<Link> {
  try {
    await rtnetlink.execute([
      { requests: [createPlainLink({ kind: "wireguard", name, mtu, group: LINK_GROUP })] },
    ]);
  } catch (error) {
    if (!isNotSupported(error)) throw error;
    throw new WireGuardMissingError(`create WireGuard device "${name}"`, { cause: error });
  }
  return existingLink(rtnetlink, name);
}

interface KeyAndPort {
  readonly publicKey: string;
  /** Names of what was not as planned. */
  readonly changed: readonly string[];
}

/** A mark would lead outer packets by rules of somebody else. */
const NO_MARK = 0;

async function ensureKeyAndPort(generic: NetlinkClient, plan: WireGuardDevicePlan): Promise<KeyAndPort> {
  const { name, port } = plan;
  const action = `configure WireGuard device "${name}"`;
  const family = await requireFamily(generic, action);
  const read = async (): Promise<WireGuardState> => {
    const state = await readDevice(generic, name);
    if (state === undefined) throw new Error(`Cannot ${action}: it was deleted meanwhile`);
    return state;
  };
  const before = await read();
  const hasKey = before.publicKey !== undefined;
  const changed = [
    ...(hasKey ? [] : ["private key"]),
    ...(before.port === port ? [] : ["port"]),
    ...(before.fwmark === NO_MARK ? [] : ["fwmark"]),
  ];
  if (before.publicKey !== undefined && changed.length === 0) return { publicKey: before.publicKey, changed };
  await explainPort(plan, () =>
    generic.execute([
      {
        requests: [
          setDevice(
            { family, name },
            { privateKey: hasKey ? undefined : randomBytes(WG_KEY_LEN), port, fwmark: NO_MARK },
          ),
        ],
      },
    ]),
  );
  const { publicKey } = await read();
  if (publicKey === undefined) throw new Error(`Cannot ${action}: it does not keep its private key`);
  return { publicKey, changed };
}

/** The port is taken when the device comes up, or at once if it is up. */
async function explainPort<Result>(
  { name, port }: WireGuardDevicePlan,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw isAddressInUse(error) ? new WireGuardPortError(name, port, { cause: error }) : error;
  }
}

/** Deletes a device of ours; gives whether there was one. */
export async function removeDevice(rtnetlink: NetlinkClient, name: string): Promise<boolean> {
  const link = await findLink(rtnetlink, name);
  if (link === undefined || !isOwnDevice(link)) return false;
  await rtnetlink.execute([{ requests: [deleteLink(link.index)] }]);
  return true;
}
