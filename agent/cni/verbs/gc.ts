import { CNI_CODE, CniError } from "../cni-error.ts";
import type { CommandsContext, RequestOf } from "./context.ts";
import { detach } from "./del.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";

/**
 * Key of the list of attachments that are still in use (SPEC.md 1.1.0), and the one that libcni sends beside
 * it for plugins written before the specification was final (containernetworking/cni#1101).
 */
const VALID_KEYS = ["cni.dev/valid-attachments", "cni.dev/attachments"] as const;

/**
 * Deletes every attachment of the network that is not in the list; an empty list means all. Attachments of
 * other networks are left alone. All are tried; the failures are told together.
 */
export async function gc(context: CommandsContext, { config }: RequestOf<"GC">): Promise<string> {
  const valid = validAttachments(config.raw);
  const observed = await context.kernel.listAttachments();
  const obsolete = observed
    .filter(({ network }) => network === config.name)
    .filter(({ containerId, ifname }) => !valid.has(keyOf(containerId, ifname)));
  const outcomes = await Promise.allSettled(obsolete.map(({ hostLink }) => detach(context, hostLink)));
  const failures = outcomes.flatMap((outcome) =>
    outcome.status === "rejected" ? [String(outcome.reason)] : [],
  );
  if (failures.length === 0) return "";
  const message = `Cannot delete ${failures.length} of ${obsolete.length} obsolete attachments: ${failures.join("; ")}`;
  throw new CniError(CNI_CODE.ioFailure, message);
}

function validAttachments(raw: JsonObject): ReadonlySet<string> {
  const key = VALID_KEYS.find((candidate) => raw[candidate] !== undefined);
  if (key === undefined) {
    // Taking a missing list for an empty one would delete the network of every running pod.
    throw new CniError(CNI_CODE.invalidConfig, `Cannot collect garbage: "${VALID_KEYS[0]}" is missing`);
  }
  // Present but null is an empty list: libcni writes a nil slice so.
  const list = raw[key] ?? [];
  const keys = Array.isArray(list) ? list.map(keyOfEntry) : [undefined];
  const known = keys.filter((entry) => entry !== undefined);
  if (known.length === keys.length) return new Set(known);
  const message = `Cannot use ${key} ${JSON.stringify(list)}: it is not a list of {containerID, ifname}`;
  throw new CniError(CNI_CODE.invalidConfig, message);
}

function keyOfEntry(entry: unknown): string | undefined {
  if (!isObject(entry)) return undefined;
  const { containerID, ifname } = entry;
  return typeof containerID === "string" && typeof ifname === "string"
    ? keyOf(containerID, ifname)
    : undefined;
}

function keyOf(containerId: string, ifname: string): string {
  return `${containerId} ${ifname}`;
}
