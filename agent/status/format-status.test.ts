import { parsePodName } from "../plan/pods/names/pod-identity.ts";
import { NO_SETTINGS } from "../plan/pods/pod-settings.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { reportKernel } from "../report/kernel-report.ts";
import type { NodeReport } from "../report/node-report.ts";
import { assertGolden } from "../testing/golden.ts";
import { assertHarmless, suffixed } from "../testing/packets/hostile.ts";
import { SAMPLE_POD, SAMPLE_REPORT } from "../testing/agent/sample-report.ts";
import { formatStatus } from "./format-status.ts";
import { cidr } from "../testing/cidr.ts";

const golden = (name: string): URL => new URL(`./golden/${name}`, import.meta.url);

const BARE = { silence: undefined, isWhole: false, colours: false };

test("formatStatus() of a node with something of everything", () => {
  assertGolden(formatStatus({ ...BARE, report: SAMPLE_REPORT }), golden("status.txt"));
});

test("formatStatus() of everything, however long", () => {
  const text = formatStatus({ ...BARE, report: SAMPLE_REPORT, isWhole: true });
  assert.match(text, /node-2 +10\.244\.2\.0\/24 +direct +192\.0\.2\.11/);
});

test("formatStatus() says why a node is not ready", () => {
  const readiness = { isReady: false, reasons: [{ part: "routes", reason: "no uplink" }] };
  const text = formatStatus({ ...BARE, report: { ...SAMPLE_REPORT, readiness } });
  assert.match(text, /^Node node-1: not ready, agent 1\.2\.3 for 3 h\n {2}! routes: no uplink\n/);
});

test("formatStatus() without the agent says what is not known, and makes nothing up", () => {
  const { createdMs: _, pod: podName = "", hostPorts, bandwidth, ...link } = SAMPLE_POD;
  const pod = parsePodName(podName);
  const report = reportKernel(
    {
      bridge: { name: "cw0", mtu: 1430, up: true },
      podCidrs: [cidr("10.244.1.0/24")],
      pods: [{ ...link, pod, settings: { ...NO_SETTINGS, hostPorts, bandwidth }, ageMs: 300_000 }],
      peerCounts: { encrypted: 0, direct: 3, overlay: 0 },
      peers: [],
    },
    SAMPLE_REPORT.atMs,
  );
  const silence = 'nothing listens on socket "/run/causeway/agent.sock.query"';
  assertGolden(formatStatus({ ...BARE, report, silence }), golden("status-without-agent.txt"));
});

test("formatStatus() colours the verdict where colours are wanted", () => {
  const text = formatStatus({ ...BARE, report: SAMPLE_REPORT, colours: true });
  assert.ok(text.includes(": \u001B[32mready\u001B[0m,"));
});

test("formatStatus() lets no text from outside colour, move or forge a line", () => {
  const readiness = {
    isReady: false,
    reasons: [{ part: "routes", reason: "no uplink" }],
    warnings: [{ part: "http", reason: "taken" }],
  };
  const source = { ...SAMPLE_REPORT.agent?.source, fault: "no answer" };
  const report = { ...SAMPLE_REPORT, readiness, agent: { ...SAMPLE_REPORT.agent, source } } as NodeReport;
  for (const silence of [undefined, "nothing listens"]) {
    assertHarmless((suffix) =>
      formatStatus({
        report: suffixed(report, suffix, ["route"]),
        silence: silence && `${silence}${suffix}`,
        isWhole: true,
        colours: false,
      }),
    );
  }
});
