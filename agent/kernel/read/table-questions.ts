import { listRuleComments, tableKey } from "../nft/list-table.ts";
import { toFields } from "../nft/elements/port-elements.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import { dumpSets, parseSet } from "../../netlink/nft/nft-objects.ts";
import { getElement, parseElements } from "../../netlink/nft/nft-listed-elements.ts";
import { formatFields } from "../../netlink/nft/nft-values.ts";
import type { PortElement } from "../../plan/pods/host-ports.ts";

/** What a set or map of ours holds for a key. */
export type ElementAnswer =
  | { readonly kind: "no set" }
  | { readonly kind: "absent" }
  /** `value` of a map, as `10.244.1.3 . 80`. */
  | { readonly kind: "present"; readonly value: string | undefined };

/** Questions about our table of family inet, answered by the kernel itself. */
export interface TableQuestions {
  /** Asks for one element: sets of thousands are not listed. For a set of prefixes the key is an address. */
  element(set: string, key: PortElement["key"]): Promise<ElementAnswer>;
  /** Comments of the rules of a chain; none when there is no such chain. */
  ruleComments(chain: string): Promise<readonly string[]>;
}

export function createTableQuestions(netfilter: Pick<NetlinkClient, "tryExecute" | "dump">): TableQuestions {
  const table = tableKey("inet");
  return {
    async element(set, key) {
      const sets = (await netfilter.dump(dumpSets(table))).map(parseSet);
      const asked = sets.find(({ name }) => name === set);
      if (asked === undefined) return { kind: "no set" };
      const request = getElement({ ...table, set }, toFields(key));
      const [[outcome] = []] = await netfilter.tryExecute([{ requests: [request] }]);
      if (outcome?.status === "failed") {
        if (outcome.error.code === "ENOENT") return { kind: "absent" };
        throw outcome.error;
      }
      const replies = outcome?.status === "done" ? outcome.replies : [];
      const [element] = replies.flatMap(({ payload }) => parseElements(payload));
      return { kind: "present", value: element?.value && formatFields(asked.dataType ?? 0, element.value) };
    },
    ruleComments: async (chain) => (await listRuleComments(netfilter, table)).get(chain) ?? [],
  };
}
