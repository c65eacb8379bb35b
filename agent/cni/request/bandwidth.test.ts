import assert from "node:assert/strict";
import { test } from "node:test";
import { parseBandwidth } from "./bandwidth.ts";

const none = { ingress: undefined, egress: undefined };

for (const { name, value, want } of [
  { name: "no capability", value: undefined, want: none },
  { name: "zeros for no limit", value: { ingressRate: 0, ingressBurst: 0 }, want: none },
  {
    name: "one direction, with the burst of containerd",
    value: { ingressRate: 1_000_000, ingressBurst: 2 ** 32 - 1 },
    want: { ...none, ingress: { rate: 1e6, burst: 2 ** 32 - 1 } },
  },
  {
    name: "the burst of CRI-O, which counts bytes",
    value: { egressRate: 1_000_000, egressBurst: (2 ** 32 - 1) * 8 },
    want: { ...none, egress: { rate: 1e6, burst: (2 ** 32 - 1) * 8 } },
  },
  {
    name: "the least and the most",
    value: { IngressRate: 1e3, IngressBurst: 1, egressRate: 1e15, egressBurst: 1 },
    want: { ingress: { rate: 1e3, burst: 1 }, egress: { rate: 1e15, burst: 1 } },
  },
]) {
  test(`parseBandwidth() understands ${name}`, () => {
    assert.deepEqual(parseBandwidth(value), want);
  });
}

for (const { name, value, message } of [
  { name: "no object", value: 5, message: "Cannot use runtimeConfig.bandwidth 5: it is not an object" },
  {
    name: "a rate below 1 kbit/s",
    value: { ingressRate: 999, ingressBurst: 1 },
    message:
      "Cannot use runtimeConfig.bandwidth.ingressRate 999: a rate is from 1000 (1 kbit/s) to 10^15 (1 Pbit/s)",
  },
  {
    name: "a rate above 1 Pbit/s",
    value: { egressRate: 1e15 + 1, egressBurst: 1 },
    message:
      "Cannot use runtimeConfig.bandwidth.egressRate 1000000000000001: a rate is from 1000 (1 kbit/s) to 10^15 (1 Pbit/s)",
  },
  {
    name: "a negative rate",
    value: { egressRate: -1, egressBurst: 1 },
    message: "Cannot use runtimeConfig.bandwidth.egressRate -1: it is not a non-negative integer",
  },
  {
    name: "a rate as text",
    value: { egressRate: "1M", egressBurst: 1 },
    message: 'Cannot use runtimeConfig.bandwidth.egressRate "1M": it is not a non-negative integer',
  },
  {
    name: "a rate without burst",
    value: { egressRate: 1000 },
    message: "Cannot use runtimeConfig.bandwidth.egressRate 1000: it needs egressBurst",
  },
  {
    name: "a burst without rate",
    value: { egressBurst: 1000 },
    message: "Cannot use runtimeConfig.bandwidth.egressBurst 1000: it needs egressRate",
  },
]) {
  test(`parseBandwidth() refuses ${name}`, () => {
    assert.throws(() => parseBandwidth(value), { name: "CniError", code: 7, message });
  });
}
