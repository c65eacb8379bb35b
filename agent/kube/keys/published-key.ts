import { isObject } from "../../lib/json.ts";
import type { NodeKey, NodeKeys, PublishedKey } from "../../plan/peers/claim.ts";
import { showValue } from "../../text/show-value.ts";

/** Of a Node: {@link formatKey}. */
export const KEY_ANNOTATION = "causeway.io/wireguard";

/** 32 bytes in base64, as WireGuard's tools write them: the last two bits are 0. */
const PUBLIC_KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

/**
 * Points of small order of Curve25519 (RFC 7748, section 6.1), the last bit of all 256 left out, which X25519
 * ignores: no private key has one of these, and with such a peer no handshake ever ends.
 */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  `ec${"ff".repeat(30)}7f`,
  `ed${"ff".repeat(30)}7f`,
  `ee${"ff".repeat(30)}7f`,
]);

function isSmallOrder(publicKey: string): boolean {
  const bytes = Buffer.from(publicKey, "base64");
  bytes.writeUInt8(bytes.readUInt8(31) & 0x7f, 31);
  return SMALL_ORDER.has(bytes.toString("hex"));
}

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
  if (isSmallOrder(publicKey)) return { fault: `publicKey ${showValue(publicKey)} has no private key` };
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
