import * as v from "valibot";
import { between, flag, type Option } from "./schemas.ts";

/** Settings of network policies: the mapping `policy` of the YAML file. */
export const POLICY_OPTIONS = {
  enabled: {
    flag: "policy-enabled",
    schema: v.optional(flag, true),
    value: "true|false",
    help: "enforce NetworkPolicy and ClusterNetworkPolicy objects; false removes the rules that enforced them",
  },
  toOwnNode: {
    flag: "policy-to-own-node",
    schema: v.optional(v.picklist(["enforce", "allow"], "must be enforce or allow"), "enforce"),
    value: "enforce|allow",
    help: "whether egress rules apply to what a pod sends to its own node",
  },
  start: {
    flag: "policy-start",
    schema: v.optional(v.picklist(["closed", "open"], "must be closed or open"), "closed"),
    value: "closed|open",
    help: "pods that start before the agent knows the policies, as when the API server is away; closed makes them wait, open starts them unprotected",
  },
  existingConnections: {
    flag: "policy-existing-connections",
    schema: v.optional(v.picklist(["end", "keep"], "must be end or keep"), "end"),
    value: "end|keep",
    help: "open connections that a change of policies forbids; end ends them, keep leaves them open",
  },
  markBit: {
    flag: "policy-mark-bit",
    schema: v.optional(
      v.pipe(
        between(0, 31),
        v.check((bit) => bit !== 14 && bit !== 15, "is kube-proxy's: its marks are 0x4000 and 0x8000"),
      ),
      29,
    ),
    value: "NUMBER",
    help: "bit of the conntrack mark by which Causeway ends connections",
  },
} as const satisfies Readonly<Record<string, Option>>;
