import { isObject } from "../../lib/json.ts";
import type { NodeKey, NodeKeys, PublishedKey } from "../../plan/peers/claim.ts";
import { showValue } from "../show-value.ts";

/** Of a Node: {@link formatKey}. */
export const KEY_ANNOTATION = "causeway.io/wireguard";

/** 32 bytes in base64, as WireGuard's tools write them: the last two bits are 0. */
const PUBLIC_KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

/** The key that an annotation holds; undefined: there is none. */
export function parseKey(annotation: unknown): PublishedKey | undefined {
  if (annotation === undefined) return undefined;
  try {
    return checkKey(typeof annotation === "string" ? JSON.parse(annotation) : annotation);
  } catch {
    return { fault: `${showValue(annotation)} is not JSON` };
  }
}

/** Keys as `{publicKey, port, next: {publicKey, port}}`, of an annotation or of the nodes file. */
export function checkKey(value: unknown): PublishedKey {
  const key = checkOne(value);
  const next = isObject(value) && value["next"] !== undefined ? checkOne(value["next"]) : undefined;
  if ("fault" in key || next === undefined) return key;
  if ("fault" in next) return { fault: `next: ${next.fault}` };
  if (next.publicKey === key.publicKey) return { fault: "next: it is the key in use" };
  return { ...key, next };
}

function checkOne(value: unknown): NodeKey | { readonly fault: string } {
  if (!isObject(value)) return { fault: `${showValue(value)} is not an object` };
  const { publicKey, port } = value;
  if (typeof publicKey !== "string" || !PUBLIC_KEY.test(publicKey))
    return { fault: `publicKey ${showValue(publicKey)} is not 32 bytes in base64` };
  if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > 65_535)
    return { fault: `port ${showValue(port)} is not 1 to 65535` };
  return { publicKey, port };
}

/** Readers that know of no next key take the one in use. */
export function formatKey({ publicKey, port, next }: NodeKeys): string {
  return JSON.stringify({ publicKey, port, next: next && { publicKey: next.publicKey, port: next.port } });
}

export function isSameKey(a: PublishedKey | undefined, b: PublishedKey | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
