import {
  NF_ACCEPT,
  NF_INET_FORWARD,
  NF_INET_LOCAL_IN,
  NF_INET_LOCAL_OUT,
  NF_INET_POST_ROUTING,
  NF_INET_PRE_ROUTING,
  NFPROTO_BRIDGE,
  NFPROTO_INET,
  NFT_OBJECT_COUNTER,
  NFT_SET_ANONYMOUS,
  NFT_SET_CONCAT,
  NFT_SET_INTERVAL,
  NFT_SET_MAP,
} from "../../netlink/constants.ts";
import { dumpFlowTables, parseFlowTable } from "../../netlink/nft/nft-flow-table.ts";
import { joinIntervals } from "../../netlink/nft/nft-intervals.ts";
import { dumpElements, type KernelElement, parseElements } from "../../netlink/nft/nft-listed-elements.ts";
import {
  dumpChains,
  dumpObjects,
  dumpRules,
  dumpSets,
  getTable,
  type KernelChain,
  type KernelSet,
  type NftTableKey,
  parseChain,
  parseObject,
  parseRule,
  parseSet,
  parseTableFlags,
} from "../../netlink/nft/nft-objects.ts";
import { formatFields, formatType } from "../../netlink/nft/nft-values.ts";
import type { ObservedChain, ObservedTable } from "../../plan/nft/diff-table.ts";
import { type NftFlowTable, type NftSet, type NftTable, TABLE_NAME } from "../../plan/nft/nft-table.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";

type Netfilter = Pick<NetlinkClient, "tryExecute" | "dump" | "withSocket">;

/** Our table of a family. */
export function tableKey(family: NftTable["family"]): NftTableKey {
  return { family: family === "inet" ? NFPROTO_INET : NFPROTO_BRIDGE, table: TABLE_NAME };
}

/**
 * What is planned of a table as the kernel has it; undefined: there is none. Values come from the kernel
 * itself, because what the nft program prints depends on its version and on files of where it runs: without
 * /etc/protocols "6" where another prints "tcp".
 */
export async function listTable(
  netfilter: Netfilter,
  { family, flowTable }: Pick<NftTable, "family" | "flowTable">,
): Promise<ObservedTable | undefined> {
  const key = tableKey(family);
  const [[outcome] = []] = await netfilter.tryExecute([{ requests: [getTable(key)] }]);
  if (outcome?.status === "failed") {
    if (outcome.error.code === "ENOENT") return undefined;
    throw outcome.error;
  }
  const [reply] = outcome?.status === "done" ? outcome.replies : [];
  const sets: NftSet[] = [];
  for (const set of (await netfilter.dump(dumpSets(key))).map(parseSet)) {
    // Those without a name are parts of rules, which are known by their comments.
    if ((set.flags & NFT_SET_ANONYMOUS) !== 0) continue;
    const elements = await netfilter.dump(dumpElements({ ...key, set: set.name }));
    sets.push(readSet(set, elements.flatMap(parseElements)));
  }
  return {
    flags: reply === undefined ? 0 : parseTableFlags(reply.payload),
    counters: await listCounters(netfilter, key),
    sets,
    chains: await listChains(netfilter, key),
    flowTables: flowTable === undefined ? [] : await listFlowTables(netfilter, key),
  };
}

/**
 * A flow table is one message, with all its devices. What the kernel makes room for follows what a socket was
 * read with before (netlink_dump of net/netlink/af_netlink.c): the first answer of one has a page, and a flow
 * table that does not fit is left out without a word.
 */
function listFlowTables(netfilter: Netfilter, key: NftTableKey): Promise<readonly NftFlowTable[]> {
  return netfilter.withSocket(async (socket) => {
    await netfilter.tryExecute([{ socket, isLent: true, requests: [getTable(key)] }]);
    const payloads = await netfilter.dump(dumpFlowTables(key), socket);
    return payloads
      .map(parseFlowTable)
      .flatMap(({ table, ...flowTable }) => (table === key.table ? [flowTable] : []));
  });
}

async function listCounters(netfilter: Netfilter, key: NftTableKey): Promise<readonly string[]> {
  const objects = (await netfilter.dump(dumpObjects(key))).map(parseObject);
  return objects.map(({ name, type }) =>
    type === NFT_OBJECT_COUNTER ? name : `${name} of another type (${type})`,
  );
}

/** How often each counter of a table has counted, by its name. */
export async function readCounters(
  netfilter: Pick<NetlinkClient, "dump">,
  key: NftTableKey,
): Promise<ReadonlyMap<string, number>> {
  const objects = (await netfilter.dump(dumpObjects(key))).map(parseObject);
  return new Map(objects.map(({ name, packets }) => [name, packets]));
}

async function listChains(netfilter: Netfilter, key: NftTableKey): Promise<readonly ObservedChain[]> {
  const chains = (await netfilter.dump(dumpChains(key.family))).map(parseChain);
  const comments = await listRuleComments(netfilter, key);
  return chains
    .filter(({ table }) => table === key.table)
    .map((chain) => readChain(chain, comments.get(chain.name) ?? []));
}

/** Comments of a table's rules by chain. */
export async function listRuleComments(
  netfilter: Pick<NetlinkClient, "dump">,
  key: NftTableKey,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const rules = (await netfilter.dump(dumpRules(key))).map(parseRule);
  const byChain = Map.groupBy(rules, ({ chain }) => chain);
  return new Map(
    [...byChain].map(([chain, own]) => [chain, own.map(({ comment }) => comment ?? "without comment")]),
  );
}

const HOOKS: ReadonlyMap<number | undefined, string> = new Map([
  [NF_INET_PRE_ROUTING, "prerouting"],
  [NF_INET_LOCAL_IN, "input"],
  [NF_INET_FORWARD, "forward"],
  [NF_INET_LOCAL_OUT, "output"],
  [NF_INET_POST_ROUTING, "postrouting"],
]);

function readChain(chain: KernelChain, comments: readonly string[]): ObservedChain {
  const { name, type = "none", hook, priority = 0, policy } = chain;
  return {
    name,
    type,
    hook: HOOKS.get(hook) ?? String(hook),
    priority,
    policy: policy === NF_ACCEPT ? "accept" : "drop",
    comments,
  };
}

/**
 * What our sets may have: the rest is for the kernel alone to say (NFT_SET_CONCAT is nft's hint, by version).
 */
const KNOWN_FLAGS = NFT_SET_INTERVAL | NFT_SET_MAP | NFT_SET_CONCAT;

function readSet({ name, flags, keyType, dataType }: KernelSet, elements: readonly KernelElement[]): NftSet {
  const odd = flags & ~KNOWN_FLAGS;
  const type = formatType(keyType);
  const isInterval = (flags & NFT_SET_INTERVAL) !== 0;
  const describe = (key: string, element: KernelElement): string =>
    `${key}${describeRest(element, dataType)}`;
  const all = elements.filter(({ key }) => key === undefined).map((element) => describe("*", element));
  return {
    name,
    type: odd === 0 ? type : `${type} with flags 0x${odd.toString(16)}`,
    values: dataType === undefined ? undefined : formatType(dataType),
    isInterval,
    elements: [
      ...all,
      ...(isInterval
        ? joinIntervals(keyType, elements).map(({ text, element }) => describe(text, element))
        : elements.flatMap((element) =>
            element.key === undefined ? [] : [describe(formatFields(keyType, element.key), element)],
          )),
    ],
  };
}

function describeRest(
  { comment, value, verdict, isOdd, keyEnd }: KernelElement,
  dataType: number | undefined,
): string {
  return [
    isOdd || keyEnd !== undefined || verdict !== undefined ? " with unexpected attributes" : "",
    comment === undefined ? "" : ` comment "${comment}"`,
    dataType === undefined || value === undefined ? "" : ` : ${formatFields(dataType, value)}`,
  ].join("");
}
