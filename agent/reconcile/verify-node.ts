import { messageOf } from "../lib/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";

export interface VerifyNodeInput {
  readonly kernel: Pick<Kernel, "checkRuleset">;
  /** One run that looks at everything, reads it from the kernel, and puts back what differs. */
  readonly run: () => Promise<void>;
  /** Calls `hear` for each thing that is put back from now on; gives the function that ends this. */
  readonly onRepair: (hear: (kind: string, fault: string) => void) => () => void;
  /** Parts that are not ready, with their reasons. */
  readonly reasons: () => readonly { readonly part: string; readonly reason: string }[];
}

/**
 * Compares bridge, attachments, nftables tables, addresses, forwarding and routes to other nodes with the
 * kernel, and tells what was not as planned. What was to be put back has been by then. For who wants to know
 * now; the clock does the same once a minute.
 */
export async function verifyNode({
  kernel,
  run,
  onRepair,
  reasons,
}: VerifyNodeInput): Promise<readonly string[]> {
  const faults: string[] = [];
  const stop = onRepair((kind, fault) => faults.push(`${kind}: ${fault}`));
  try {
    faults.push(...(await kernel.checkRuleset({ afresh: true })));
    await run();
  } catch (error) {
    faults.push(messageOf(error));
  } finally {
    stop();
  }
  return [...new Set([...faults, ...reasons().map(({ part, reason }) => `${part} is not ready: ${reason}`)])];
}
