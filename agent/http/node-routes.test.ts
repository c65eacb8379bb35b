import assert from "node:assert/strict";
import { test } from "node:test";
import { createMetrics } from "../metrics/metrics.ts";
import { cidr } from "../testing/cidr.ts";
import { createSessionJudge } from "../plan/encryption/judge-sessions.ts";
import type { WireGuardState } from "../plan/encryption/wireguard.ts";
import { countRefusals } from "../plan/peers/refusal.ts";
import { createReadiness } from "../lib/readiness.ts";
import type { Answer } from "./server/answer.ts";
import { nodeRoutes } from "./node-routes.ts";

interface Setup {
  readonly get: (path: string) => Promise<Answer & { readonly text: string }>;
  readonly readiness: ReturnType<typeof createReadiness>;
  readonly metrics: ReturnType<typeof createMetrics>;
  nowMs: number;
}

const NOW_SECONDS = Date.now() / 1000;

const PEERS: WireGuardState["peers"] = [
  { lastHandshake: NOW_SECONDS, receivedBytes: 10, sentBytes: 100 },
  { lastHandshake: NOW_SECONDS - 3600, receivedBytes: 20, sentBytes: 200 },
  { lastHandshake: 0, receivedBytes: 0, sentBytes: 400 },
  { lastHandshake: 0, receivedBytes: 0, sentBytes: 0 },
].map((counts, index) =>
  Object.assign(counts, { publicKey: `${index}`, endpoint: undefined, allowedIps: [cidr("10.244.2.0/24")] }),
);

function setUp(): Setup {
  const readiness = createReadiness(() => undefined);
  readiness.set("pod CIDRs", "the node has no PodCIDR yet");
  const metrics = createMetrics({ version: "1.2.3", nodeVersion: "v24", codes: [101] });
  metrics.showState({
    pools: () => [{ cidr: "10.244.1.0/24", family: 4, size: 253, taken: 3, cooling: 2 }],
    attachments: () => [],
    isReady: readiness.isReady,
    rivals: () => 0,
    foreignDrops: () => 0,
    lostLines: () => 7,
    failingPods: () => new Map([[101, 2]]),
    requests: () => ({ inWork: 2, waiting: 1 }),
    nodes: () => ({ known: 3, malformed: 1 }),
    peers: () => ({
      podCidrs: { encrypted: 6, direct: 4, overlay: 1, held: 0, unreachable: 0 },
      nodes: { encrypted: 5, direct: 2, overlay: 1, held: 0, unreachable: 0 },
      refused: { ...countRefusals([]), conflict: 4, reserved: 1, gateway: 2 },
      inClear: 4,
      desired: 3,
      programmed: 2,
    }),
    drops: () =>
      Promise.resolve({
        source: 3,
        destination: 0,
        group: 7,
        protocol: 0,
        discovery: 9,
        redirect: 0,
        "link-local": 0,
        "overlay-pod": 0,
        "overlay-outer": 5,
        "overlay-inner": 0,
        unencrypted: 8,
        outsider: 2,
      }),
    sessions: () =>
      Promise.resolve(createSessionJudge()(PEERS, { nowSeconds: NOW_SECONDS, steadySeconds: 0 })),
    key: () => ({ ageMs: 90_000, rotation: undefined }),
    policies: () => ({
      policies: 4,
      unread: 1,
      chains: 6,
      elements: 70,
      watches: 5,
      pods: { selected: 2, unknown: 1, open: 3 },
    }),
    denials: () =>
      Promise.resolve([
        { direction: "ingress", namespace: "shop", policy: "db", packets: 3 },
        { direction: "egress", namespace: "", policy: "no-scanners", packets: 1 },
      ]),
    watch: () => ({ restarts: 5, lastEventAgeSeconds: 0.5 }),
  });
  const routes = nodeRoutes({ readiness, metrics, nowMs: () => setup.nowMs });
  const setup: Setup = {
    readiness,
    metrics,
    nowMs: 0,
    async get(path) {
      const answer = await routes[path]?.({ method: "GET", path, headers: new Map() });
      if (answer === undefined) throw new Error(`nobody answers ${path}`);
      return { ...answer, text: Buffer.from(answer.body).toString() };
    },
  };
  return setup;
}

test("/healthz answers while the node is not ready: a restart would not help", async () => {
  assert.equal((await setUp().get("/healthz")).status, 200);
});

test("/readyz answers 503 with every reason", async () => {
  const { status, text } = await setUp().get("/readyz");
  assert.equal(status, 503);
  assert.match(text, /^pod CIDRs: the node has no PodCIDR yet\nnode network: /);
});

test("/readyz tells warnings, which make no node unready", async () => {
  const { get, readiness } = setUp();
  for (const { part } of readiness.reasons()) readiness.set(part, undefined);
  assert.equal((await get("/readyz")).text, "ok\n");
  readiness.warn("http", "Cannot listen on http 192.0.2.7:9655: EADDRINUSE");
  const { status, text } = await get("/readyz");
  assert.equal(status, 200);
  assert.equal(text, "ok\nwarning: http: Cannot listen on http 192.0.2.7:9655: EADDRINUSE\n");
});

test("/metrics shows requests, latency, addresses, readiness, build and process", async () => {
  const { get, metrics } = setUp();
  metrics.observeRequest("ADD", 0, 0.0015);
  metrics.observeRequest("ADD", 101, 0.0002);
  const { text } = await get("/metrics");
  for (const line of [
    'causeway_cni_requests_total{command="ADD",code="0"} 1',
    'causeway_cni_requests_total{command="ADD",code="101"} 1',
    'causeway_cni_request_duration_seconds_bucket{le="0.002",command="ADD"} 2',
    'causeway_addresses{cidr="10.244.1.0/24",family="4",state="taken"} 3',
    'causeway_addresses{cidr="10.244.1.0/24",family="4",state="cooling"} 2',
    'causeway_addresses{cidr="10.244.1.0/24",family="4",state="free"} 248',
    'causeway_address_pool_size{cidr="10.244.1.0/24",family="4"} 253',
    'causeway_failing_pods{code="101"} 2',
    'causeway_reconcile_runs_total{scope="host_files",outcome="error"} 0',
    "causeway_attachments 0",
    "causeway_cni_queue_length 1",
    'causeway_nodes_skipped{reason="malformed"} 1',
    'causeway_nodes_skipped{reason="conflict"} 4',
    'causeway_nodes_skipped{reason="refused"} 3',
    'causeway_peers_refused{reason="gateway"} 2',
    'causeway_peers{route="direct"} 2',
    "causeway_peers_in_clear 4",
    "causeway_encryption_key_age_seconds 90",
    "causeway_encryption_key_rotating 0",
    'causeway_encryption_peers{session="live"} 1',
    'causeway_encryption_peers{session="idle"} 2',
    'causeway_encryption_peers{session="unanswered"} 1',
    'causeway_encryption_bytes_total{direction="received"} 30',
    'causeway_encryption_bytes_total{direction="sent"} 700',
    'causeway_peer_pod_cidrs{route="direct"} 4',
    'causeway_routes{state="desired"} 3',
    'causeway_routes{state="programmed"} 2',
    "causeway_watch_restarts_total 5",
    "causeway_ready 0",
    "causeway_log_lines_lost_total 7",
    'causeway_build_info{version="1.2.3",node_version="v24"} 1',
  ]) {
    assert.ok(text.includes(`${line}\n`), `${line} in\n${text}`);
  }
  assert.match(text, /^process_resident_memory_bytes \d/m);
});

test("/metrics is collected once a second, however often it is asked for, and says how old it is", async () => {
  const setup = setUp();
  const { get, metrics } = setup;
  const isCounted = (text: string): boolean =>
    text.includes('causeway_cni_requests_total{command="DEL",code="0"} 1');
  const first = await get("/metrics");
  assert.equal(first.headers?.["age"], "0");
  metrics.observeRequest("DEL", 0, 0.001);
  const second = await get("/metrics");
  assert.deepEqual([second.headers?.["age"], isCounted(second.text)], ["1", false]);
  setup.nowMs = 1000;
  const third = await get("/metrics");
  assert.deepEqual([third.headers?.["age"], isCounted(third.text)], ["0", true]);
});
