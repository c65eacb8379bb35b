import assert from "node:assert/strict";
import { test } from "node:test";
import { startHealthServer } from "./health.ts";
import { createMetrics } from "./metrics.ts";
import { createReadiness } from "./readiness.ts";

async function withServer(
  use: (get: (path: string, method?: string) => Promise<Response>) => Promise<void>,
): Promise<void> {
  const readiness = createReadiness(() => undefined);
  readiness.set("pod CIDRs", "the node has no PodCIDR yet");
  const metrics = createMetrics({
    version: "1.2.3",
    nodeVersion: "v24",
    pools: () => [{ cidr: "10.244.1.0/24", family: 4, size: 253, taken: 3, cooling: 2 }],
    attachments: () => [],
    isReady: readiness.isReady,
    rivals: () => 0,
    codes: [101],
    requests: () => ({ inWork: 2, waiting: 1 }),
    nodes: () => ({ known: 3, malformed: 1 }),
    peers: () => ({ direct: 2, overlay: 1, held: 0, unreachable: 0, conflicts: 4, programmed: 2 }),
    watch: () => ({ restarts: 5, lastEventAgeSeconds: 0.5 }),
  });
  metrics.observeRequest("ADD", 0, 0.0015);
  metrics.observeRequest("ADD", 101, 0.0002);
  const server = await startHealthServer({ listen: { address: "127.0.0.1", port: 0 }, readiness, metrics });
  try {
    await use((path, method = "GET") => fetch(`http://127.0.0.1:${server.port}${path}`, { method }));
  } finally {
    await server.close();
  }
}

test("/healthz answers while the node is not ready: a restart would not help", async () => {
  await withServer(async (get) => assert.equal((await get("/healthz")).status, 200));
});

test("/readyz answers 503 with every reason", async () => {
  await withServer(async (get) => {
    const response = await get("/readyz");
    assert.equal(response.status, 503);
    assert.match(await response.text(), /^pod CIDRs: the node has no PodCIDR yet\nnode network: /);
  });
});

test("/metrics shows requests, latency, addresses, readiness, build and process", async () => {
  await withServer(async (get) => {
    const text = await (await get("/metrics")).text();
    for (const line of [
      'causeway_cni_requests_total{command="ADD",code="0"} 1',
      'causeway_cni_requests_total{command="ADD",code="101"} 1',
      'causeway_cni_request_duration_seconds_bucket{le="0.002",command="ADD"} 2',
      'causeway_addresses{cidr="10.244.1.0/24",family="4",state="taken"} 3',
      'causeway_addresses{cidr="10.244.1.0/24",family="4",state="cooling"} 2',
      'causeway_addresses{cidr="10.244.1.0/24",family="4",state="free"} 248',
      'causeway_address_pool_size{cidr="10.244.1.0/24",family="4"} 253',
      "causeway_attachments 0",
      "causeway_cni_queue_length 1",
      'causeway_nodes_skipped{reason="malformed"} 1',
      'causeway_nodes_skipped{reason="conflict"} 4',
      'causeway_routes{state="desired"} 3',
      'causeway_routes{state="programmed"} 2',
      "causeway_watch_restarts_total 5",
      "causeway_ready 0",
      'causeway_build_info{version="1.2.3",node_version="v24"} 1',
    ]) {
      assert.ok(text.includes(`${line}\n`), `${line} in\n${text}`);
    }
    assert.match(text, /^process_resident_memory_bytes \d/m);
  });
});

test("the server refuses what it does not know", async () => {
  await withServer(async (get) => {
    assert.equal((await get("/secrets")).status, 404);
    assert.equal((await get("/metrics", "POST")).status, 405);
  });
});

test("the server lives on after a path that is no URL", async () => {
  await withServer(async (get) => {
    assert.equal((await get("//")).status, 404);
    assert.equal((await get("/healthz?x")).status, 200);
  });
});

test("startHealthServer() names address and cause when the port is taken", async () => {
  await withServer(async (get) => {
    const port = Number(new URL((await get("/healthz")).url).port);
    const readiness = createReadiness(() => undefined);
    const metrics = { expose: () => Promise.resolve({ contentType: "", text: "" }) };
    await assert.rejects(startHealthServer({ listen: { address: "127.0.0.1", port }, readiness, metrics }), {
      message: `Cannot listen on http 127.0.0.1:${port}: listen EADDRINUSE: address already in use 127.0.0.1:${port}`,
    });
  });
});
