import { type Claims, createClaimSettler, type SettlerInput } from "./cluster-claims.ts";
import type { ClusterMember } from "./claim.ts";
import type { Surroundings } from "../node/surroundings.ts";

export interface NodeJudgeInput extends Omit<SettlerInput, "surroundings"> {
  /** All nodes as they are known now. */
  readonly nodes: () => Iterable<ClusterMember>;
  /** Address of the API server, as far as it is known. */
  readonly apiServer: () => string | undefined;
}

/** Settles what nodes claim of a machine whose surroundings change: see {@link createClaimSettler}. */
export function createNodeJudge(input: NodeJudgeInput): (surroundings: Surroundings) => Claims {
  let settler: { readonly key: string; readonly settle: ReturnType<typeof createClaimSettler> } | undefined;
  return ({ addresses, connected }) => {
    const server = input.apiServer();
    const surroundings: Surroundings = {
      addresses: [
        ...addresses,
        ...(server === undefined ? [] : [{ address: server, role: "api_server" as const }]),
      ],
      connected,
    };
    const key = JSON.stringify(surroundings);
    if (settler?.key !== key) settler = { key, settle: createClaimSettler({ ...input, surroundings }) };
    return settler.settle(input.nodes());
  };
}
