import type { Packet } from "../plan/policy/evaluate/evaluate.ts";
import type { OwnKeyReport } from "./node-report.ts";
import type { PolicyTrace } from "../plan/policy/trace/trace-policies.ts";

/**
 * Variable of a frame's environment block that asks the agent something; what begins with CNI_ is the
 * runtime's.
 */
export const QUERY_VARIABLE = "CAUSEWAY_QUERY";

/**
 * The report with a few other nodes, those that cannot be reached first; or with all of them; {@link
 * Verification}; {@link PolicyAnswer}; {@link Cautions}; {@link KeyAnswer}, the second time after it has
 * asked for a new key.
 */
export type Query = "report" | "report all" | "verify" | "policies" | "cautions" | "key" | "rotate key";

/** Variable of what a query is about: of "policies" a {@link PolicyQuestion} in JSON. */
export const ARGUMENT_VARIABLE = "CAUSEWAY_QUERY_ABOUT";

/** What was not as planned, in words; what was to be put back has been. */
export interface Verification {
  readonly faults: readonly string[];
}

/** First packet of a connection, after translations of its destination. */
export type PolicyQuestion = Packet;

export interface PolicyAnswer {
  /** Undefined: the setting `policy.enabled` is off. */
  readonly trace: PolicyTrace | undefined;
  /** What of the kernel's table is not as the agent has it, in words. */
  readonly faults: readonly string[];
}

/** What policies of this node's pods do that their authors hardly meant. */
export interface Cautions {
  /** Undefined: the setting `policy.enabled` is off, or policies are not known yet. */
  readonly cautions: readonly string[] | undefined;
}

/** This node's WireGuard key and its rotation. */
export interface KeyAnswer {
  /** Undefined: nothing is encrypted, or the device is not made yet. */
  readonly key: OwnKeyReport | undefined;
  /** Whether a rotation has been asked for that has not begun. */
  readonly isAsked: boolean;
  /** Why the last that was asked for did not begin. */
  readonly fault: string | undefined;
}

/** Longest end of a name that {@link querySocket} adds. */
const QUERY_SUFFIX = ".query";

/** The socket for questions about the node, beside that for the shim. */
export function querySocket(socket: string): string {
  return `${socket}${QUERY_SUFFIX}`;
}

/** All that an agent listens on. */
export function socketsOf({ socket }: { readonly socket: string }): readonly string[] {
  return [socket, querySocket(socket)];
}
