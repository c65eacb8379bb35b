import assert from "node:assert/strict";
import { test } from "node:test";
import { assertHarmless, suffixed } from "../testing/packets/hostile.ts";
import { formatFindings } from "./format-findings.ts";
import { allOf, shellWord, sysctlCommand } from "./shell.ts";
import { formatTarget, parseTarget } from "./target.ts";

const FINDINGS = [
  { name: "MTU", verdict: "ok", evidence: "fine" },
  { name: "forwarding", verdict: "fail", evidence: "off", remedy: "sysctl -w a=1" },
] as const;

test("formatFindings() aligns names and puts the remedy below", () => {
  assert.equal(
    formatFindings(FINDINGS, { colours: false }),
    "ok    MTU         fine\nFAIL  forwarding  off\n                  remedy: sysctl -w a=1\n",
  );
});

test("formatFindings() colours the verdicts on a terminal", () => {
  assert.ok(formatFindings(FINDINGS, { colours: true }).startsWith("\u001b[32mok   \u001b[0m MTU"));
});

test("formatFindings() lets no text from outside colour, move or forge a line", () => {
  assertHarmless((suffix) => formatFindings(suffixed(FINDINGS, suffix, ["verdict"]), { colours: false }));
});

for (const [text, want] of [
  ["/etc/cni/net.d/10-x.conflist", "/etc/cni/net.d/10-x.conflist"],
  ["a b", "'a b'"],
  ["it's", `'it'\\''s'`],
  ["$(reboot)", "'$(reboot)'"],
] as const) {
  test(`shellWord() of ${text} is ${want}`, () => assert.equal(shellWord(text), want));
}

test("sysctlCommand() uses slashes where a link has a dot", () => {
  assert.equal(
    allOf(sysctlCommand("net/ipv4/ip_forward", 1), sysctlCommand("net/ipv4/conf/a.1/rp_filter", 2)),
    "sysctl -w net.ipv4.ip_forward=1 && sysctl -w net/ipv4/conf/a.1/rp_filter=2",
  );
});

for (const [text, want] of [
  ["192.0.2.1", "192.0.2.1"],
  ["192.0.2.1:80", "192.0.2.1:80/tcp"],
  ["192.0.2.1:53/udp", "192.0.2.1:53/udp"],
  ["2001:DB8::1", "2001:db8::1"],
  ["[2001:db8::1]:443", "[2001:db8::1]:443/tcp"],
  ["192.0.2.1:0", undefined],
  ["192.0.2.1:70000", undefined],
  ["192.0.2.1:80/icmp", undefined],
  ["example.com", undefined],
  ["", undefined],
] as const) {
  test(`parseTarget() of "${text}" is ${want}`, () => {
    const target = parseTarget(text);
    assert.equal(target && formatTarget(target), want);
  });
}
