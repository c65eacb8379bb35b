import type { PodMap, PolicyChain, SetSpec } from "../compile/policy-table.ts";

/** One step towards a table. */
export type TableChange =
  | { readonly kind: "remove elements"; readonly set: string; readonly elements: readonly string[] }
  | { readonly kind: "add set"; readonly spec: SetSpec; readonly elements: readonly string[] }
  /** A chain that is led to by another one comes before it. */
  | { readonly kind: "add chain"; readonly chain: PolicyChain }
  | { readonly kind: "add elements"; readonly set: string; readonly elements: readonly string[] }
  | { readonly kind: "unmap pod"; readonly map: PodMap; readonly address: string; readonly chain: string }
  /** `previous`: where the address leads so far; that element and the new one are of one transaction. */
  | {
      readonly kind: "map pod";
      readonly map: PodMap;
      readonly address: string;
      readonly chain: string;
      readonly previous: string | undefined;
    }
  | { readonly kind: "remove chain"; readonly name: string }
  | { readonly kind: "remove set"; readonly name: string };

/**
 * Removals before additions; then new sets and chains, which no packet meets yet; then pods, which are
 * switched one by one; then what nobody uses any more. In this order they are valid in one transaction. New
 * sets and chains may also go ahead in others, as long as no packet meets them.
 */
const ORDER = [
  "remove elements",
  "unmap pod",
  "add set",
  "add chain",
  "add elements",
  "map pod",
  "remove chain",
  "remove set",
] as const satisfies readonly TableChange["kind"][];

export function inOrder(changes: readonly TableChange[]): readonly TableChange[] {
  const byKind = Map.groupBy(changes, ({ kind }) => kind);
  return ORDER.flatMap((kind) => byKind.get(kind) ?? []);
}
