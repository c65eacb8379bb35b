import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeReport } from "../report/node-report.ts";
import { SAMPLE_POD, SAMPLE_REPORT } from "../testing/agent/sample-report.ts";
import { assertHarmless, HOSTILE, suffixed } from "../testing/packets/hostile.ts";
import { renderPage } from "./render-page.ts";

const MAX_BYTES = 60_000;

/** A node with more of everything than any has, and the longest texts. */
function crowded(): NodeReport {
  const long = (length: number): string => "<".repeat(length);
  const fill = <Item>(item: Item, count: number): Item[] => Array.from({ length: count }, () => item);
  const [call, repair, problem] = [
    SAMPLE_REPORT.calls[0],
    SAMPLE_REPORT.repairs[0],
    SAMPLE_REPORT.problems[0],
  ];
  const [peer] = SAMPLE_REPORT.peers.list;
  assert.ok(call && repair && problem && peer);
  return {
    ...SAMPLE_REPORT,
    readiness: { isReady: false, reasons: fill({ part: "routes", reason: long(400) }, 7) },
    attachments: fill({ ...SAMPLE_POD, pod: long(300) }, 1024),
    peers: {
      counts: { direct: 0, overlay: 0, held: 0, unreachable: 10_000 },
      list: fill({ ...peer, reason: long(300) }, 10_000),
      problems: fill(long(300), 20),
    },
    calls: fill({ ...call, pod: long(400), error: long(400) }, 64),
    repairs: fill({ ...repair, fault: long(400) }, 32),
    problems: fill({ ...problem, message: long(400) }, 32),
    doctor: {
      kind: "findings",
      atMs: 0,
      findings: fill({ name: long(40), verdict: "fail", evidence: long(400), remedy: long(600) }, 200),
    },
  };
}

test("renderPage() stays below 60 KB with 250 pods, all of which it shows", () => {
  const attachments = Array.from({ length: 250 }, (_, index) => ({
    ...SAMPLE_POD,
    pod: `team-${index}/web-${index}-7c65d6cfc9-x2x5t`,
    hostPorts: [],
  }));
  const page = renderPage({ ...SAMPLE_REPORT, attachments });
  assert.ok(page.includes("team-0/web-0") && page.includes("team-249/web-249"));
  assert.ok(Buffer.byteLength(page) <= MAX_BYTES, `${Buffer.byteLength(page)} bytes`);
});

test("renderPage() stays below 60 KB whatever is on the node, and says what it leaves out", () => {
  const page = renderPage(crowded());
  assert.ok(Buffer.byteLength(page) <= MAX_BYTES, `${Buffer.byteLength(page)} bytes`);
  assert.match(page, /and 9,9\d\d more/);
});

test("renderPage() shows how many packets each policy has dropped, and no table while none has", () => {
  const page = renderPage(SAMPLE_REPORT);
  assert.match(page, /<td>shop\/db<td>ingress<td class=n>1,204/);
  assert.match(page, /<td>no-dns<td>egress<td class=n>1\n/);
  assert.doesNotMatch(renderPage({ ...SAMPLE_REPORT, denials: [] }), /Drops by policy/);
});

test("renderPage() shows what doctor has found in its order, counts what is ok, and cuts no remedy", () => {
  const remedy = `nft insert rule ${"x".repeat(700)}`;
  const shown = renderPage({
    ...SAMPLE_REPORT,
    doctor: {
      kind: "findings",
      atMs: SAMPLE_REPORT.atMs,
      findings: [
        { name: "kernel", verdict: "ok", evidence: "Linux has all" },
        { name: "MTU", verdict: "warn", evidence: "too small", remedy: "ip link set cw0 mtu 1400" },
        { name: "pods", verdict: "fail", evidence: "no link", remedy },
      ],
    },
  });
  assert.match(shown, /<small>1 fault, 1 warning, at /);
  assert.match(
    shown,
    /<td class="warn">WARN<td>MTU<td class=x>too small<br>remedy: <code>ip link set cw0 mtu 1400<\/code>\n/,
  );
  assert.match(
    shown,
    /<td class="bad">FAIL<td>pods<td class=x>no link<br>remedy: <code>causeway doctor<\/code> prints it/,
  );
  assert.match(shown, /1 check is ok/);
  assert.doesNotMatch(shown, /Linux has all|xxx/);
});

test("renderPage() tells what keeps doctor's findings away", () => {
  const section = (doctor: NodeReport["doctor"]): string =>
    /<section id="doctor"[^]*?<\/section>/.exec(renderPage({ ...SAMPLE_REPORT, doctor }))?.[0] ?? "";
  assert.match(section(undefined), /<code>causeway doctor<\/code> on this node/);
  assert.match(section({ kind: "running" }), /The node is being examined/);
  assert.match(section({ kind: "failed", atMs: 0, reason: "no memory" }), /class="bad">.*no memory/);
});

test("renderPage() escapes what comes from outside", () => {
  const evil = "<img src=x onerror=alert(1)>";
  const [call] = SAMPLE_REPORT.calls;
  assert.ok(call);
  const page = renderPage({
    ...SAMPLE_REPORT,
    attachments: [{ ...SAMPLE_POD, pod: evil }],
    calls: [{ ...call, pod: evil, error: evil }],
    problems: [{ atMs: 0, level: "error", message: evil }],
    repairs: [{ atMs: 0, kind: evil, fault: evil }],
    rivals: [evil],
  });
  assert.ok(!page.includes("<img"));
  assert.ok(page.includes("&lt;img src=x onerror=alert(1)&gt;"));
});

test("renderPage() is the same a moment later when nothing has changed, so that viewers need not get it again", () => {
  const later = { ...SAMPLE_REPORT, atMs: SAMPLE_REPORT.atMs + 10 };
  assert.equal(renderPage(later), renderPage(SAMPLE_REPORT));
});

test("renderPage() tells why a node is not ready", () => {
  const readiness = { isReady: false, reasons: [{ part: "routes", reason: "no uplink" }] };
  const page = renderPage({ ...SAMPLE_REPORT, readiness });
  assert.match(page, /<title>node-1: not ready<\/title>/);
  assert.match(page, /<li><b>routes<\/b>: no uplink<\/li>/);
});

test("renderPage() has no text from outside that turns text around or forges a line", () => {
  assertHarmless((suffix) => renderPage(suffixed(SAMPLE_REPORT, suffix, ["route", "level"])));
  assert.ok(!renderPage(suffixed(SAMPLE_REPORT, HOSTILE, ["route", "level"])).includes("<script>"));
});
