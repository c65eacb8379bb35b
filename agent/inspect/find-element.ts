import { runNft } from "../kernel/run-nft.ts";
import { TABLE_NAME } from "../plan/ruleset.ts";

/** What a set or map of ours holds for a key. */
export type ElementAnswer =
  | { readonly kind: "no set" }
  | { readonly kind: "absent" }
  /** `value` of a map, as nft writes it. */
  | { readonly kind: "present"; readonly value: string | undefined };

/** Asks for one element: sets of thousands are not listed. For a set of prefixes the key is an address. */
export async function findElement(set: string, key: string): Promise<ElementAnswer> {
  try {
    const text = await runNft(["get", "element", "inet", TABLE_NAME, set, `{ ${key} }`], "");
    return { kind: "present", value: /^\s*elements = \{.* : ([^}]+?) \}/m.exec(text)?.[1] };
  } catch (error) {
    const reason = error instanceof Error ? error.message : "";
    if (!reason.includes("No such file or directory")) throw error;
    // nft itself knows of no such set; the kernel ("process rule") knows of no such element.
    return { kind: reason.includes("process rule") ? "absent" : "no set" };
  }
}
