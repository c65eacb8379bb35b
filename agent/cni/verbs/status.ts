import type { PoolUse } from "../../ipam/ipam.ts";
import type { ReadinessPart } from "../../lib/readiness.ts";
import { describePools } from "./add.ts";
import { CNI_CODE, CniError } from "../cni-error.ts";
import type { CommandsContext } from "./context.ts";

/** Parts without which running pods lose traffic too. */
const CONNECTIVITY: ReadonlySet<ReadinessPart> = new Set(["node network", "masquerade", "routes"]);

/** Silent when an ADD could be served; else 50, or 51 when pods that run may have lost connectivity. */
export async function status({ readiness, ipam, attachments, nowMs }: CommandsContext): Promise<string> {
  const open = readiness.reasons();
  const reasons = open.map(({ reason }) => reason);
  const exhausted = exhaustedPools(ipam.use(nowMs()));
  if (exhausted.length > 0) reasons.push(`all addresses are in use: ${describePools(exhausted)}`);
  if (reasons.length === 0) return "";
  const isLimited = attachments.list().length > 0 && open.some(({ part }) => CONNECTIVITY.has(part));
  const code = isLimited ? CNI_CODE.limitedConnectivity : CNI_CODE.notAvailable;
  throw new CniError(code, `Node network is not ready: ${reasons.join("; ")}`);
}

/** The pools of the first family that has no address left. */
function exhaustedPools(use: readonly PoolUse[]): readonly PoolUse[] {
  for (const family of [4, 6] as const) {
    const pools = use.filter((pool) => pool.family === family);
    if (pools.length > 0 && pools.every((pool) => pool.taken >= pool.size)) return pools;
  }
  return [];
}
