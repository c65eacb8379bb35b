import type { EndedConnections } from "../end-connections.ts";

/**
 * Ends connections by their mark, and then takes those that have one off the fast path, which asks for no
 * mark: see {@link Nftables.renewFlows}. Also where an agent before, or a walk that failed, has marked some
 * and no more than that.
 */
export function createRenewingEnd(
  renewFlows: () => Promise<void>,
): (end: () => Promise<EndedConnections>) => Promise<EndedConnections> {
  let isDue = true;
  return async (end) => {
    const wasDue = isDue;
    isDue = true;
    const counts = await end();
    if (counts.ended > 0 || (wasDue && counts.marked > 0)) await renewFlows();
    isDue = false;
    return counts;
  };
}
