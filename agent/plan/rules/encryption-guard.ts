import type { RangedCidr } from "../../net/address-range.ts";
import { type Family, familyOf } from "../../net/address.ts";
import { keywordOf } from "../nft/nft-family.ts";
import type { NftChain, NftSet } from "../nft/nft-table.ts";
import { planPrefixSet } from "../nft/prefix-set.ts";
import { FAMILIES } from "../peers/peer-routes.ts";
import type { EncryptionDropReason } from "./drop-reasons.ts";

export interface EncryptionRulesInput {
  /** UDP port of WireGuard. */
  readonly port: number;
  /** The addresses that other nodes send to; empty while nobody has told them. */
  readonly ownAddresses: readonly string[];
  /** Undefined where encryption is not required. */
  readonly guard: EncryptionGuardInput | undefined;
}

export interface EncryptionGuardInput {
  /** Name of the WireGuard device. */
  readonly device: string;
  /** Where pods of other nodes are, or may be; nothing of this node's. */
  readonly cidrs: readonly RangedCidr[];
}

export interface EncryptionRules extends EncryptionGuard {
  /** For the filter of output, before connection tracking. */
  readonly departureRules: NftChain["rules"];
}

interface EncryptionGuard {
  readonly counters: readonly string[];
  /** For the filter of prerouting, before connection tracking. */
  readonly arrivalRules: NftChain["rules"];
  readonly chains: readonly NftChain[];
}

const NO_GUARD: EncryptionGuard = { counters: [], arrivalRules: [], chains: [] };

const COUNTER: EncryptionDropReason = "unencrypted";

/**
 * After all translation of destinations, also that of IPVS, whose packets come by the output hook; before
 * that of sources, at 100.
 */
const PRIORITY_POSTROUTING = 90;

/**
 * What WireGuard sends between nodes needs no connection tracking: pods' packets are tracked before they go
 * into it, and again when they come out. It cuts large ones, so that what looks at its own is most of what
 * rules cost a stream.
 */
export function planEncryptionRules(input: EncryptionRulesInput | undefined): EncryptionRules {
  if (input === undefined) return { ...NO_GUARD, departureRules: [] };
  const { port, ownAddresses } = input;
  const guard = planEncryptionGuard(input.guard);
  const untracked = "meta l4proto 17 notrack accept";
  const sealed = ownAddresses.map((address) => ({
    name: `sealed-${address}`,
    // A pod's own WireGuard may speak to such a port elsewhere: that is masqueraded as ever.
    text: `th dport ${port} ${keywordOf(familyOf(address))} daddr ${address} ${untracked}`,
  }));
  return {
    ...guard,
    arrivalRules: [...guard.arrivalRules, ...sealed],
    // Nobody else sends from this port: the device has it on all addresses.
    departureRules: [{ name: "sealed", text: `th sport ${port} ${untracked}` }],
  };
}

/** Where pods of other nodes are, where encryption is required: each planned when it is called for. */
export function planRemotePods(input: EncryptionRulesInput | undefined): readonly (() => NftSet)[] {
  const guard = input?.guard;
  return guard === undefined
    ? []
    : FAMILIES.map((family) => () => planPrefixSet(remotePods(family), family, guard.cidrs));
}

/**
 * Nothing goes to pods of other nodes, or comes from them, by another link than the WireGuard device:
 * whatever routes there are, and also before there are any.
 */
function planEncryptionGuard(input: EncryptionGuardInput | undefined): EncryptionGuard {
  if (input === undefined) return NO_GUARD;
  const { device } = input;
  const drop = `counter name "${COUNTER}" drop`;
  return {
    counters: [COUNTER],
    arrivalRules: FAMILIES.map((family) => ({
      name: `unencrypted${family}`,
      text: `${keywordOf(family)} saddr @${remotePods(family)} iifname != "${device}" ${drop}`,
    })),
    chains: [
      {
        name: "encryption-postrouting",
        type: "filter",
        hook: "postrouting",
        priority: PRIORITY_POSTROUTING,
        rules: FAMILIES.map((family) => ({
          name: `unencrypted${family}`,
          text: `${keywordOf(family)} daddr @${remotePods(family)} oifname != "${device}" ${drop}`,
        })),
      },
    ],
  };
}

function remotePods(family: Family): string {
  return `remote-pods${family}`;
}
