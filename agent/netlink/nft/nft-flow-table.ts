import {
  NF_NETDEV_INGRESS,
  NFNL_SUBSYS_NFTABLES,
  NFT_MSG_DELFLOWTABLE,
  NFT_MSG_GETFLOWTABLE,
  NFT_MSG_NEWFLOWTABLE,
  NFTA_DEVICE_NAME,
  NFTA_FLOWTABLE_HOOK,
  NFTA_FLOWTABLE_HOOK_DEVS,
  NFTA_FLOWTABLE_HOOK_NUM,
  NFTA_FLOWTABLE_HOOK_PRIORITY,
  NFTA_FLOWTABLE_NAME,
  NFTA_FLOWTABLE_TABLE,
  NLM_F_CREATE,
  NLM_F_DUMP,
} from "../constants.ts";
import {
  nested,
  readAttributes,
  readNetworkU32,
  readText,
  readTexts,
  textAttribute,
  u32NetworkAttribute,
} from "../message/attributes.ts";
import type { NetlinkRequest } from "../message/message.ts";
import { NFGENMSG_BYTES, nfgenmsg } from "./nfgenmsg.ts";
import { chunk } from "./nft-elements.ts";
import type { NftTableKey } from "./nft-objects.ts";
import { nftBody, nftTransaction } from "./table/nft-transaction.ts";

/** A flow table at the ingress of its devices. */
export interface KernelFlowTable {
  readonly table: string;
  readonly name: string;
  readonly priority: number;
  /** Names of links. */
  readonly devices: readonly string[];
}

/** Flow tables of all tables of a family: Linux filters them while it has them at hand, and not before. */
export function dumpFlowTables({ family, table }: NftTableKey): NetlinkRequest {
  return {
    type: (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETFLOWTABLE,
    flags: NLM_F_DUMP,
    payload: [nfgenmsg(family), ...textAttribute(NFTA_FLOWTABLE_TABLE, table)],
    what: `list flow tables of nftables table ${table}`,
    emptyOn: "ENOENT",
  };
}

/** Reads the payload of an NFT_MSG_NEWFLOWTABLE; throws {@link MalformedMessageError}. */
export function parseFlowTable(payload: Buffer): KernelFlowTable {
  const what = "flow table";
  const attributes = readAttributes(what, payload.subarray(NFGENMSG_BYTES));
  const hook = readAttributes(what, attributes.get(NFTA_FLOWTABLE_HOOK));
  return {
    table: readText(what, attributes, NFTA_FLOWTABLE_TABLE) ?? "",
    name: readText(what, attributes, NFTA_FLOWTABLE_NAME) ?? "",
    priority: (readNetworkU32(what, hook, NFTA_FLOWTABLE_HOOK_PRIORITY) ?? 0) | 0,
    devices: readTexts(what, hook.get(NFTA_FLOWTABLE_HOOK_DEVS)),
  };
}

/** Devices in one message: Linux takes up to 255, and tells others of a change in less than a page. */
const DEVICES_PER_MESSAGE = 100;

/**
 * Adds devices to a flow table that is there, or takes some away, in one transaction. What is added may be
 * there already; ENOENT if a link is not there, or a device to take away.
 */
export function changeDevices(
  { family }: Pick<NftTableKey, "family">,
  verb: "add" | "delete",
  { table, name, priority, devices }: KernelFlowTable,
): NetlinkRequest {
  const [message, flags] =
    verb === "add" ? ([NFT_MSG_NEWFLOWTABLE, NLM_F_CREATE] as const) : ([NFT_MSG_DELFLOWTABLE, 0] as const);
  const bodies = chunk(devices, DEVICES_PER_MESSAGE).map((part) =>
    nftBody(message, family, {
      flags,
      attributes: [
        ...textAttribute(NFTA_FLOWTABLE_TABLE, table),
        ...textAttribute(NFTA_FLOWTABLE_NAME, name),
        ...nested(
          NFTA_FLOWTABLE_HOOK,
          u32NetworkAttribute(NFTA_FLOWTABLE_HOOK_NUM, NF_NETDEV_INGRESS),
          u32NetworkAttribute(NFTA_FLOWTABLE_HOOK_PRIORITY, priority),
          nested(NFTA_FLOWTABLE_HOOK_DEVS, ...part.map((device) => textAttribute(NFTA_DEVICE_NAME, device))),
        ),
      ],
    }),
  );
  return nftTransaction({ bodies, what: `${verb} ${devices.length} devices of flow table ${name}` });
}
