import assert from "node:assert/strict";
import { type Cidr, parseCidr } from "../net/cidr.ts";

/** A prefix of a test, parsed; fails for a text that is not one. */
export function cidr(text: string): Cidr {
  return parseCidr(text) ?? assert.fail(`"${text}" is not a prefix`);
}
