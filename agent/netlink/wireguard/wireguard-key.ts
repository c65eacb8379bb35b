import { WG_KEY_LEN } from "../constants.ts";

/** Bytes of a key in base64; throws a RangeError if these are not 32. */
export function keyBytes(key: string): Buffer {
  const bytes = Buffer.from(key, "base64");
  if (bytes.length === WG_KEY_LEN && bytes.toString("base64") === key) return bytes;
  throw new RangeError(`Cannot use WireGuard key "${key}": it is not base64 of ${WG_KEY_LEN} bytes`);
}
