import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { systemClock } from "../../lib/clock.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { createRecordingLog } from "../../testing/recording-log.ts";
import { isThorough } from "../../testing/thorough.ts";
import { createApiClient } from "../api/api-client.ts";
import { createCredentials } from "../api/credentials.ts";
import { createNodeReflector } from "../nodes/node-reflector.ts";

const NODES = isThorough ? 5000 : 1000;
const NODE_BYTES = 15_000;
const MAX_KEPT_MB = (30 * NODES) / 5000;
const SAMPLE_MS = 5;
const MB = 1024 * 1024;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Starts the API server as a process of its own; answers the path of a kubeconfig for it. */
async function startServer(t: TestContext, flags: readonly string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "causeway-scale-"));
  const kubeconfig = join(folder, "kubeconfig");
  const script = fileURLToPath(new URL("../../testing/kube/run-api-server.ts", import.meta.url));
  const sizes = ["--nodes", String(NODES), "--node-bytes", String(NODE_BYTES), ...flags];
  const server = spawn(process.execPath, [script, "--kubeconfig", kubeconfig, ...sizes], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => {
    server.kill();
    rmSync(folder, { recursive: true });
  });
  await once(server.stdout, "data");
  return kubeconfig;
}

for (const { name, flags } of [
  { name: "in pages", flags: [] },
  { name: "streamed", flags: ["--streaming"] },
])
  test(`createNodeReflector() keeps ${NODES} nodes of ${NODE_BYTES} bytes in less than ${MAX_KEPT_MB} MB, listed ${name}`, async (t) => {
    const kubeconfig = await startServer(t, flags);
    const credentials = createCredentials({ kubeconfig });
    await credentials.forRequest();
    collectGarbage();
    const before = process.memoryUsage();
    const startMs = performance.now();
    const client = createApiClient({ credentials, userAgent: "causeway/test" });
    const view = createNodeReflector({
      client,
      nodeName: "node-1",
      onChange: () => undefined,
      log: createRecordingLog(),
      clock: systemClock,
      random: Math.random,
    });
    t.after(async () => {
      await view.close();
      client.close();
    });
    // Told, not judged: how far RSS runs ahead of the heap depends on V8's flags (--max-semi-space-size).
    let peakRss = before.rss;
    const sampler = setInterval(() => (peakRss = Math.max(peakRss, process.memoryUsage.rss())), SAMPLE_MS);
    // A test that fails must end.
    sampler.unref();
    await eventually("the list is complete", view.isComplete, view.fault);
    clearInterval(sampler);
    const listMs = performance.now() - startMs;
    collectGarbage();
    const keptMb = (process.memoryUsage().heapUsed - before.heapUsed) / MB;
    const rssMb = (peakRss - before.rss) / MB;
    t.diagnostic(
      `${view.nodes().size} nodes in ${listMs.toFixed(0)} ms: ${keptMb.toFixed(1)} MB of heap kept, RSS grew by ${rssMb.toFixed(0)} MB at most`,
    );
    assert.equal(view.nodes().size, NODES);
    assert.ok(keptMb < MAX_KEPT_MB, `${keptMb} MB of heap kept`);
  });
