import assert from "node:assert/strict";
import { test } from "node:test";
import { describePort, formatAge, formatMs, formatRate } from "./words.ts";
import { formatCount } from "../text/count.ts";

const cases = [
  { got: formatAge(-5), want: "0 s" },
  { got: formatAge(119_999), want: "119 s" },
  { got: formatAge(120_000), want: "2 min" },
  { got: formatAge(47 * 3_600_000), want: "47 h" },
  { got: formatAge(48 * 3_600_000), want: "2 d" },
  { got: formatCount(0), want: "0" },
  { got: formatCount(999), want: "999" },
  { got: formatCount(1_234_567), want: "1,234,567" },
  { got: formatMs(0.4123), want: "0.41 ms" },
  { got: formatMs(12.34), want: "12.3 ms" },
  { got: formatMs(456.7), want: "457 ms" },
  { got: formatMs(20_000), want: "20.0 s" },
  { got: formatRate(10_000_000), want: "10 Mbit/s" },
  { got: formatRate(1_500), want: "1.5 kbit/s" },
  { got: formatRate(800), want: "800 bit/s" },
  {
    got: describePort({ protocol: "tcp", hostPort: 8080, containerPort: 80, hostIp: undefined }),
    want: "tcp 8080 → 80",
  },
  {
    got: describePort({ protocol: "udp", hostPort: 53, containerPort: 53, hostIp: "2001:db8::1" }),
    want: "udp [2001:db8::1]:53 → 53",
  },
];

for (const { got, want } of cases) test(`words of a report: ${want}`, () => assert.equal(got, want));
