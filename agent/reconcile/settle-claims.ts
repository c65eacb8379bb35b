import { setImmediate } from "node:timers/promises";
import type { ClusterMember } from "../plan/peers/claim.ts";
import {
  type Claims,
  type ClaimSettler,
  createClaimSettler,
  type SettlerInput,
} from "../plan/peers/cluster-claims.ts";
import type { Surroundings } from "../plan/node/surroundings.ts";
import { inSlices } from "./runner/in-slices.ts";

/** Settles which node has what, on a machine with these surroundings: see {@link createClaimSettler}. */
export type SettleClaims = (surroundings: Surroundings) => Promise<Claims>;

export interface SettleClaimsInput extends Omit<SettlerInput, "surroundings"> {
  /** All nodes as they are known now. */
  readonly nodes: () => Iterable<ClusterMember>;
  /** Address of the API server, as far as it is known. */
  readonly apiServer: () => string | undefined;
}

/** Settles what nodes claim of a machine whose surroundings change. */
export function createSettleClaims(input: SettleClaimsInput): SettleClaims {
  let last: { readonly key: string; readonly settler: ClaimSettler } | undefined;
  return async ({ addresses, connected }) => {
    const server = input.apiServer();
    const surroundings: Surroundings = {
      addresses: [
        ...addresses,
        ...(server === undefined ? [] : [{ address: server, role: "api_server" as const }]),
      ],
      connected,
    };
    const key = JSON.stringify(surroundings);
    if (last?.key !== key) last = { key, settler: createClaimSettler({ ...input, surroundings }) };
    const { settler } = last;
    await inSlices([...input.nodes()], settler.judge);
    const claims = settler.settle(input.nodes());
    await setImmediate(); // What is done with them has a turn of its own.
    return claims;
  };
}
