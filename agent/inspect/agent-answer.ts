import type { AgentState } from "../diagnosis/check-agent.ts";

/** What the agent says of itself and of this node, or why nothing comes from it. */
export type AgentAnswer =
  | (Extract<AgentState, { readonly kind: "answer" }> & {
      /** Addresses of this node. */
      readonly addresses: readonly string[];
    })
  | Extract<AgentState, { readonly kind: "silent" }>;
