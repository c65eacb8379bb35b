import type { Ipam } from "../../ipam/ipam.ts";
import type { Kernel } from "../../kernel/kernel.ts";

/**
 * Keeps the addresses that were last given with the bridge: written only when they differ, since every pod
 * that starts changes them.
 */
export interface LastGiven {
  save(): Promise<void>;
  /** A new bridge has nothing of the old one's. */
  forget(): void;
}

export function createLastGiven(
  kernel: Pick<Kernel, "saveLastGiven">,
  ipam: Pick<Ipam, "lastGiven">,
): LastGiven {
  let saved = "";
  return {
    async save() {
      const lastGiven = ipam.lastGiven();
      if (lastGiven.join() === saved) return;
      await kernel.saveLastGiven(lastGiven);
      saved = lastGiven.join();
    },
    forget() {
      saved = "";
    },
  };
}
