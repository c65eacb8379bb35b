import type { Bandwidth, RateLimit } from "../../plan/pods/bandwidth.ts";
import { invalidValue } from "../cni-error.ts";
import { valueAt } from "./json-keys.ts";
import { isObject } from "../../lib/json.ts";

const KEY = "runtimeConfig.bandwidth";

/**
 * Bits a second: what Kubernetes and the reference plugin accept (validateBandwidthIsReasonable of
 * pkg/util/bandwidth).
 */
const MIN_RATE = 1e3;
const MAX_RATE = 1e15;

/** A token bucket counts its burst in 32 bits, as bytes. */
const MAX_BURST = 2 ** 35 - 1;

/**
 * Capability `bandwidth`: `{ingressRate, ingressBurst, egressRate, egressBurst}` in bits a second and bits; 0
 * is no limit. Throws CniError 7 with key and value.
 */
export function parseBandwidth(value: unknown): Bandwidth {
  if (value === undefined) return { ingress: undefined, egress: undefined };
  if (!isObject(value)) throw invalidValue(KEY, value, "it is not an object");
  const limit = (direction: "ingress" | "egress"): RateLimit | undefined => {
    const [rateKey, burstKey] = [`${direction}Rate`, `${direction}Burst`];
    const rate = parseNumber(rateKey, valueAt(value, rateKey));
    const burst = parseNumber(burstKey, valueAt(value, burstKey));
    if (rate === 0 && burst === 0) return undefined;
    if (rate === 0) throw invalidValue(`${KEY}.${burstKey}`, burst, `it needs ${rateKey}`);
    if (burst === 0) throw invalidValue(`${KEY}.${rateKey}`, rate, `it needs ${burstKey}`);
    if (rate < MIN_RATE || rate > MAX_RATE)
      throw invalidValue(`${KEY}.${rateKey}`, rate, "a rate is from 1000 (1 kbit/s) to 10^15 (1 Pbit/s)");
    if (burst > MAX_BURST)
      throw invalidValue(`${KEY}.${burstKey}`, burst, `a burst is at most ${MAX_BURST} bits (4 GiB)`);
    return { rate, burst };
  };
  return { ingress: limit("ingress"), egress: limit("egress") };
}

function parseNumber(key: string, value: unknown = 0): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw invalidValue(`${KEY}.${key}`, value, "it is not a non-negative integer");
}
