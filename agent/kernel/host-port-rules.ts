import { changeElements } from "../netlink/nft-elements.ts";
import type { NetlinkError } from "../netlink/netlink-error.ts";
import { type PortBinding, planPortElements } from "../plan/host-ports.ts";
import { TABLE_NAME } from "../plan/ruleset.ts";
import { toSetElement } from "./port-elements.ts";
import type { Rtnetlink } from "./rtnetlink.ts";

/** What became of a change: made as the next generation after the given one, made after somebody else's, or refused. */
export type ElementsOutcome = "next generation" | "later generation" | "refused";

export interface ElementsInput {
  readonly verb: "add" | "delete";
  readonly bindings: readonly PortBinding[];
  /** Generation at which all was seen to be as planned; undefined: not known. */
  readonly generation: number | undefined;
}

/**
 * Changes the elements of some attachments in one transaction, without the nft program, which takes dozens of times as long (docs/benchmarks.md).
 * "Refused": the tables are not as they were left, so that a look at all of them is due.
 */
export async function changePortElements(
  netfilter: Pick<Rtnetlink, "tryExecute">,
  { verb, bindings, generation }: ElementsInput,
): Promise<ElementsOutcome> {
  const elements = bindings.flatMap(planPortElements).map(toSetElement);
  const attempt = async (expected: number | undefined): Promise<NetlinkError | undefined> => {
    const request = changeElements({ table: TABLE_NAME, verb, elements, generation: expected });
    const [outcome] = (await netfilter.tryExecute([{ requests: [request] }])).flat();
    return outcome?.status === "failed" ? outcome.error : undefined;
  };
  const error = await attempt(generation);
  if (error === undefined) return generation === undefined ? "later generation" : "next generation";
  if (error.code !== "ERESTART") return "refused";
  // Somebody changed a ruleset meanwhile, as kube-proxy does all the time: most likely one of its own.
  return (await attempt(undefined)) === undefined ? "later generation" : "refused";
}
