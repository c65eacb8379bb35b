import assert from "node:assert/strict";
import { test } from "node:test";
import { planShaper, type Shaper } from "./bandwidth.ts";

const UNLIMITED = 2 ** 32 - 1;

const cases: readonly { name: string; rate: number; burst: number; want: Shaper }[] = [
  { name: "1 Mbit/s", rate: 1e6, burst: UNLIMITED, want: { rate: 125_000, burst: 12_112, limit: 84_784 } },
  {
    name: "1 Gbit/s",
    rate: 1e9,
    burst: UNLIMITED,
    want: { rate: 125e6, burst: 6_250_000, limit: 12_500_000 },
  },
  {
    name: "1 Gbit/s with a small burst",
    rate: 1e9,
    burst: 800_000,
    want: { rate: 125e6, burst: 100_000, limit: 6_350_000 },
  },
  { name: "1 kbit/s", rate: 1000, burst: 8, want: { rate: 125, burst: 12_112, limit: 84_784 } },
  {
    name: "1 Pbit/s, more than 32 bits hold",
    rate: 1e15,
    burst: 2 ** 35 - 8,
    want: { rate: 125e12, burst: 4_294_967_295, limit: 4_294_967_295 },
  },
];
for (const { name, rate, burst, want } of cases)
  test(`planShaper() of ${name}`, () => {
    assert.deepEqual(planShaper({ rate, burst }, 1500), want);
  });
