import { createSharedLock } from "../../lib/shared-lock.ts";
import type { Family } from "../../net/address.ts";
import { type Ruleset } from "../../plan/nft/nft-table.ts";
import { type PortBinding, planPortElements } from "../../plan/pods/host-ports.ts";
import { planSourceElements } from "../../plan/pods/sources.ts";
import { servesHostPorts, withElements } from "../../plan/rules/ruleset.ts";
import { readLinkName } from "../../netlink/link/parse-link.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import { findLinks } from "../socket/read-one.ts";
import { createForeignDropPolicyList } from "./foreign/foreign-drop-policies.ts";
import {
  addHostPorts,
  admit,
  type AdmitInput,
  type AdoptedPod,
  adoptPods,
  type Admission,
  type PodElements,
  removePods,
} from "./elements/pod-elements.ts";
import { createGenerations, type Generations } from "./generations.ts";
import { nameMissing } from "./probe-features.ts";
import { createTableLedger } from "./table-ledger.ts";

/**
 * Our tables. Changes go through the nft program, the only documented interface of nftables, but for
 * attachments' elements: those are many and urgent. What the kernel has is read from the kernel.
 */
export interface Nftables {
  /**
   * Changes what differs from the plan, so that packets meet what was or what will be, and sees to it that
   * the kernel has it: what nft accepted but the kernel does not have is an error. Tells what differed.
   * Throws for a ruleset without host ports while pods have them.
   */
  ensure(ruleset: Ruleset): Promise<readonly string[]>;
  /**
   * The last generation at which all was seen to be as planned, once what is being done is done; 0 before.
   */
  verifiedGeneration(): Promise<number>;
  /**
   * Chains of others that may cost pods traffic, in words; asked of nft only when they, or their rules, have
   * changed.
   */
  listForeignDropPolicies(bridge: string, families: readonly Family[]): Promise<readonly string[]>;
  /**
   * What differs from the ruleset of the last `ensure`. `afresh`: read from the kernel even if nobody has
   * changed anything since.
   */
  check(options?: { readonly afresh: boolean }): Promise<readonly string[]>;
  /**
   * Lets an attachment send from its addresses: `attach` makes it, with the admission in front of its steps,
   * and answers "not admitted" where the kernel has refused that; it is then called again without, once all
   * tables are as planned. What is answered by a word is as if it had not been asked for. With joined
   * changes, which may be the reason, "not admitted" is answered at once.
   */
  admit<Outcome>(
    input: AdmitInput,
    attach: (admission: Admission | undefined) => Promise<Outcome | "not admitted">,
  ): Promise<Outcome | "not admitted">;
  /**
   * Leads host ports to their attachment, now and in every `ensure` from here on. What has failed is as if it
   * had not been asked for.
   */
  addHostPorts(binding: PortBinding): Promise<void>;
  /** The end of what these attachments have; gives what their host ports were. */
  removePods(hostLinks: readonly string[]): Promise<readonly PortBinding[]>;
  /** Attachments that are older than the agent: the next `ensure` sees to what they have. */
  adoptPods(pods: readonly AdoptedPod[]): Promise<void>;
  hostPorts(): readonly PortBinding[];
  /**
   * Leads all connections through all chains again, until the ruleset says otherwise of each: those that
   * policies have ended go no other way from here on.
   */
  renewFlows(): Promise<void>;
}

export interface NftablesInput {
  /**
   * Is asked for the generation of the namespace's rulesets, so that nobody has to look as long as it is the
   * one that was verified; for what the kernel has; and to change attachments' elements.
   */
  readonly netfilter: Pick<NetlinkClient, "execute" | "tryExecute" | "withSocket" | "dump">;
  /** Is asked which devices of a flow table are there. */
  readonly rtnetlink: Pick<NetlinkClient, "tryExecute">;
  /** Shared with whoever keeps other tables: created when nobody does. */
  readonly generations?: Generations;
  /** Host ports did not lead to their pods until now, because somebody took them away or nobody was there. */
  readonly onRestored: (bindings: readonly PortBinding[]) => void;
}

export function createNftables({
  netfilter,
  rtnetlink,
  generations = createGenerations(),
  onRestored,
}: NftablesInput): Nftables {
  const pods = new Map<string, PodElements>();
  const hostPorts = (): PortBinding[] => [...pods.values()].flatMap(({ ports }) => ports ?? []);
  const complete = (ruleset: Ruleset): Ruleset =>
    withElements(ruleset, {
      ports: hostPorts().flatMap(planPortElements),
      sources: [...pods.values()].flatMap(({ sources }) =>
        sources === undefined ? [] : planSourceElements(sources),
      ),
      fastLinks: [...pods].flatMap(([hostLink, { isFast }]) => (isFast === true ? [hostLink] : [])),
    });
  const ledger = createTableLedger({
    netfilter,
    generations,
    complete,
    findLinks: async (names) => {
      const found = await findLinks(rtnetlink, names, readLinkName);
      return names.filter((_name, index) => found[index] !== undefined);
    },
    onRestored: () => onRestored(hostPorts()),
  });
  const turns = createSharedLock();
  const tables = { netfilter, pods, ledger, turns };

  return {
    admit: (input, attach) => admit(tables, input, attach),
    addHostPorts: (binding) => addHostPorts(tables, binding),
    removePods: (hostLinks) => removePods(tables, hostLinks),
    adoptPods: (adopted) => adoptPods(tables, adopted),
    hostPorts,
    renewFlows: () => turns.exclusive(ledger.renewFlows),
    ensure: (ruleset) =>
      turns.exclusive(() => {
        if (!servesHostPorts(ruleset) && hostPorts().length > 0)
          throw new Error("Cannot omit host ports: pods on this node use them");
        return ledger.ensure(ruleset).catch(nameMissing("apply nftables tables", "node"));
      }),
    verifiedGeneration: () => turns.exclusive(() => Promise.resolve(ledger.verifiedGeneration())),
    listForeignDropPolicies: createForeignDropPolicyList(netfilter),
    check: ({ afresh } = { afresh: false }) =>
      turns.exclusive(async () => {
        if (afresh) ledger.distrust();
        const found = await ledger.check();
        if (found === undefined) return ["nftables tables were never applied"];
        return found.map((difference) => `nftables: ${difference}`);
      }),
  };
}
