import * as v from "valibot";
import { between, duration, flag, type Option } from "./schemas.ts";

/** Settings of encryption between nodes: the mapping `encryption` of the YAML file. */
export const ENCRYPTION_OPTIONS = {
  type: {
    flag: "encryption-type",
    schema: v.optional(v.picklist(["none", "wireguard"], "must be none or wireguard"), "none"),
    value: "none|wireguard",
    help: "encryption of traffic between pods of different nodes",
  },
  require: {
    flag: "encryption-require",
    schema: v.optional(flag, false),
    value: "true|false",
    help: "drop traffic between pods of different nodes that cannot be encrypted, which needs clusterCIDRs; false sends it in clear to nodes without a key",
  },
  port: {
    flag: "encryption-port",
    schema: v.optional(between(1, 65_535), 51_820),
    value: "PORT",
    help: "UDP port of WireGuard on this node, which it publishes with its key; a key rotation uses the next port too",
  },
  rotateAfter: {
    flag: "encryption-rotate-after",
    schema: v.optional(duration(600_000), "0"),
    value: "DURATION",
    help: "age at which a node replaces its WireGuard key, such as 30d or 12h; 0: never",
  },
} as const satisfies Readonly<Record<string, Option>>;
