import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { SAMPLE_REPORT } from "../testing/sample-report.ts";
import { createNodePage } from "./node-page.ts";

interface Setup {
  readonly get: (path: string, headers?: Record<string, string>) => Promise<Response>;
  readonly reads: () => number;
  nowMs: number;
  fails: boolean;
}

async function withPage(use: (setup: Setup) => Promise<void>): Promise<void> {
  let reads = 0;
  const pages = createNodePage({
    report: () => {
      reads++;
      return setup.fails ? Promise.reject(new Error("no kernel")) : Promise.resolve({ ...SAMPLE_REPORT });
    },
    nowMs: () => setup.nowMs,
  });
  const server = createServer((request, response) => pages[request.url ?? ""]?.(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const setup: Setup = {
    get: (path, headers = {}) => fetch(`http://127.0.0.1:${port}${path}`, { headers }),
    reads: () => reads,
    nowMs: 0,
    fails: false,
  };
  try {
    await use(setup);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

test("the page allows nothing but its own style and script", async () => {
  await withPage(async ({ get }) => {
    const { headers } = await get("/");
    const policy = headers.get("content-security-policy") ?? "";
    assert.match(policy, /^default-src 'none'; style-src 'sha256-[^']+'; script-src 'sha256-[^']+';/);
    assert.ok(!policy.includes("unsafe"));
    assert.equal(headers.get("x-content-type-options"), "nosniff");
  });
});

test("many viewers read the node once a second, and get nothing again while nothing has changed", async () => {
  await withPage(async (setup) => {
    const first = await setup.get("/");
    const etag = first.headers.get("etag") ?? "";
    for (let viewer = 0; viewer < 10; viewer++)
      assert.equal((await setup.get("/", { "if-none-match": etag })).status, 304);
    assert.equal(setup.reads(), 1);
    setup.nowMs = 1000;
    assert.equal((await setup.get("/", { "if-none-match": etag })).status, 304);
    assert.equal((await setup.get("/", { "if-none-match": "other" })).status, 200);
    assert.equal(setup.reads(), 2);
  });
});

test("/report.json is the report", async () => {
  await withPage(async ({ get }) => {
    assert.deepEqual(await (await get("/report.json")).json(), JSON.parse(JSON.stringify(SAMPLE_REPORT)));
  });
});

test("a node that cannot be read is told, and read again later", async () => {
  await withPage(async (setup) => {
    setup.fails = true;
    const answer = await setup.get("/");
    assert.equal(answer.status, 500);
    assert.equal(await answer.text(), "Cannot report: no kernel\n");
    setup.fails = false;
    setup.nowMs = 1000;
    assert.equal((await setup.get("/")).status, 200);
  });
});
