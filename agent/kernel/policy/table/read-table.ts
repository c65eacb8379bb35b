import {
  NFT_DATA_VERDICT,
  NFT_SET_ANONYMOUS,
  NFT_SET_CONCAT,
  NFT_SET_INTERVAL,
  NFT_SET_MAP,
  NF_ACCEPT,
} from "../../../netlink/constants.ts";
import { dumpElements, type KernelElement, parseElements } from "../../../netlink/nft/nft-listed-elements.ts";
import {
  dumpChains,
  dumpObjects,
  dumpRules,
  dumpSets,
  getTable,
  type KernelChain,
  type KernelSet,
  parseChain,
  parseObject,
  parseRule,
  parseSet,
  parseTableFlags,
  readRulePackets,
} from "../../../netlink/nft/nft-objects.ts";
import { formatType } from "../../../netlink/nft/nft-values.ts";
import type { SetDeclaration } from "../../../netlink/nft/table/nft-declarations.ts";
import type { NetlinkClient } from "../../socket/netlink-client.ts";
import { POLICY_TABLE } from "./base-table.ts";
import { codecOf } from "./set-plan.ts";

/** A set that was read back. */
export interface ObservedSet {
  /** How it is declared, as {@link describeSet} writes it. */
  readonly form: string;
  /** By key, what it leads to; "" in a set. */
  readonly elements: ReadonlyMap<string, string>;
  /** Elements that have no text of ours are among them: the set can only be emptied. */
  readonly isOdd: boolean;
}

export interface ObservedChain {
  /** Where packets meet it, as {@link describeHook} writes it. */
  readonly form: string;
  /** Of its rules, in their order. */
  readonly comments: readonly string[];
}

export interface ObservedTable {
  /** NFT_TABLE_F_*. */
  readonly flags: number;
  readonly objects: readonly string[];
  readonly sets: ReadonlyMap<string, ObservedSet>;
  readonly chains: ReadonlyMap<string, ObservedChain>;
}

type Reader = Pick<NetlinkClient, "tryExecute" | "dump">;

/** The table as the kernel has it; undefined: there is none. */
export async function readTable(netfilter: Reader): Promise<ObservedTable | undefined> {
  const [[outcome] = []] = await netfilter.tryExecute([{ requests: [getTable(POLICY_TABLE)] }]);
  if (outcome?.status === "failed") {
    if (outcome.error.code === "ENOENT") return undefined;
    throw outcome.error;
  }
  const [reply] = outcome?.status === "done" ? outcome.replies : [];
  const objects = (await netfilter.dump(dumpObjects(POLICY_TABLE))).map(parseObject);
  const sets = new Map<string, ObservedSet>();
  for (const set of (await netfilter.dump(dumpSets(POLICY_TABLE))).map(parseSet)) {
    // Those without a name are parts of rules, which are known by their comments.
    if ((set.flags & NFT_SET_ANONYMOUS) !== 0) continue;
    const payloads = await netfilter.dump(dumpElements({ ...POLICY_TABLE, set: set.name }));
    sets.set(set.name, readSet(set, payloads.flatMap(parseElements)));
  }
  const rules = Map.groupBy(
    (await netfilter.dump(dumpRules(POLICY_TABLE))).map(parseRule),
    ({ chain }) => chain,
  );
  const chains = (await netfilter.dump(dumpChains(POLICY_TABLE.family))).map(parseChain);
  return {
    flags: reply === undefined ? 0 : parseTableFlags(reply.payload),
    objects: objects.map(({ name }) => name),
    sets,
    chains: new Map(
      chains
        .filter(({ table }) => table === POLICY_TABLE.table)
        .map((chain) => {
          const comments = (rules.get(chain.name) ?? []).map(({ comment = "without comment" }) => comment);
          return [chain.name, { form: describeKernelChain(chain), comments }];
        }),
    ),
  };
}

/** Packets that each chain has counted, of those with a rule that counts. */
export async function readPackets(
  netfilter: Pick<NetlinkClient, "dump">,
): Promise<ReadonlyMap<string, number>> {
  const packets = new Map<string, number>();
  for (const payload of await netfilter.dump(dumpRules(POLICY_TABLE))) {
    const counted = readRulePackets(payload);
    if (counted === undefined) continue;
    const { chain } = parseRule(payload);
    packets.set(chain, (packets.get(chain) ?? 0) + counted);
  }
  return packets;
}

/** How a set is declared, for comparison. */
export function describeSet({
  type,
  isInterval,
  isVerdictMap,
}: Pick<SetDeclaration, "type" | "isInterval" | "isVerdictMap">): string {
  return `type ${type}${isVerdictMap ? " : verdict" : ""}${isInterval ? " flags interval" : ""}`;
}

const KNOWN_FLAGS = NFT_SET_INTERVAL | NFT_SET_MAP | NFT_SET_CONCAT;

function readSet({ flags, keyType, dataType }: KernelSet, elements: readonly KernelElement[]): ObservedSet {
  const type = formatType(keyType);
  const isInterval = (flags & NFT_SET_INTERVAL) !== 0;
  const isVerdictMap = dataType === NFT_DATA_VERDICT;
  const odd = (flags & ~KNOWN_FLAGS) !== 0 || (dataType !== undefined && !isVerdictMap);
  const form = `${describeSet({ type, isInterval, isVerdictMap })}${odd ? " with foreign attributes" : ""}`;
  const found = new Map<string, string>();
  let isOdd = odd || elements.some(({ key }) => key === undefined);
  try {
    for (const { text, element } of codecOf({ type, isInterval }).format(elements)) {
      found.set(text, element.verdict ?? "");
      isOdd ||= element.isOdd || element.comment !== undefined;
    }
  } catch {
    isOdd = true; // of a type that none of ours has
  }
  return { form, elements: found, isOdd };
}

/** Where packets meet a chain, for comparison. */
export function describeHook(
  hook: { readonly number: number; readonly priority: number } | undefined,
): string {
  return hook === undefined ? "no hook" : `type filter hook ${hook.number} priority ${hook.priority}`;
}

function describeKernelChain({ type, hook, priority = 0, policy }: KernelChain): string {
  if (hook === undefined) return describeHook(undefined);
  const own = describeHook({ number: hook, priority });
  return type === "filter" && policy === NF_ACCEPT ? own : `${own}, but type ${type} policy ${policy}`;
}
