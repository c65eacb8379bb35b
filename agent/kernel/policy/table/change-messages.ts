import type { MessageBody } from "../../../netlink/message/message.ts";
import {
  appendRule,
  createChain,
  createSet,
  deleteChain,
  deleteSet,
} from "../../../netlink/nft/table/nft-declarations.ts";
import {
  addElements,
  deleteElements,
  flushElements,
  type NftElement,
} from "../../../netlink/nft/table/nft-set-elements.ts";
import { addressToBytes } from "../../../net/address.ts";
import type { PolicyTable, SetSpec } from "../../../plan/policy/compile/policy-table.ts";
import type { TableChange } from "../../../plan/policy/state/table-change.ts";
import { baseSets, POLICY_TABLE } from "./base-table.ts";
import { type ChainPlan, dropChainsOf, planChains } from "./chain-rules.ts";
import { declarationOf, elementsOf } from "./set-plan.ts";

const BASE_SETS: ReadonlySet<string> = new Set(baseSets().map(({ name }) => name));

/** Messages that belong together: no transaction may end between them. */
export type Step = readonly MessageBody[];

/** Numbers sets anew in each transaction. */
export type NextSetId = () => number;

/** The change of a table, which is as it was before the change. */
export function changeSteps(
  { sets, chains }: PolicyTable,
  change: TableChange,
  nextSetId: NextSetId,
): readonly Step[] {
  switch (change.kind) {
    case "add set":
      return createSetSteps(change.spec, change.elements, nextSetId);
    case "remove set":
      return [
        [
          BASE_SETS.has(change.name)
            ? flushElements(setKey(change.name))
            : deleteSet(POLICY_TABLE, change.name),
        ],
      ];
    case "add elements":
      return single(addElements(setKey(change.set), elementsOf(specOf(sets, change.set), change.elements)));
    case "remove elements":
      return single(
        deleteElements(setKey(change.set), elementsOf(specOf(sets, change.set), change.elements)),
      );
    case "add chain":
      return single(planChains(change.chain).flatMap(createChainBodies));
    case "remove chain": {
      const chain = chains.get(change.name);
      const drops = chain === undefined ? [] : dropChainsOf(chain);
      return single([change.name, ...drops].map((name) => deleteChain(POLICY_TABLE, name)));
    }
    case "map pod": {
      const { map, previous } = change;
      return [
        [
          ...(previous === undefined ? [] : deleteElements(setKey(map), [podElement(change)])),
          ...addElements(setKey(map), [podElement(change)]),
        ],
      ];
    }
    case "unmap pod":
      return single(deleteElements(setKey(change.map), [podElement(change)]));
  }
}

export function setKey(set: string): typeof POLICY_TABLE & { readonly set: string } {
  return { ...POLICY_TABLE, set };
}

/** An address that leads to a chain. */
export function podElement({
  address,
  chain,
}: {
  readonly address: string;
  readonly chain: string;
}): NftElement {
  return { key: addressToBytes(address), verdict: { kind: "jump", chain } };
}

export function createChainBodies(chain: ChainPlan): readonly MessageBody[] {
  return [createChain(POLICY_TABLE, chain), ...chain.rules.map((rule) => appendRule(POLICY_TABLE, rule))];
}

function createSetSteps(spec: SetSpec, texts: readonly string[], nextSetId: NextSetId): readonly Step[] {
  const elements = single(addElements(setKey(spec.name), elementsOf(spec, texts)));
  if (BASE_SETS.has(spec.name)) return elements;
  return [[createSet(POLICY_TABLE, declarationOf(spec), nextSetId())], ...elements];
}

/** Messages of which each is a step. */
export function single(bodies: readonly MessageBody[]): readonly Step[] {
  return bodies.map((body) => [body]);
}

function specOf(sets: PolicyTable["sets"], name: string): SetSpec {
  const spec = sets.get(name)?.spec;
  if (spec === undefined)
    throw new RangeError(`Cannot change set "${name}" of the policy table: there is none`);
  return spec;
}
