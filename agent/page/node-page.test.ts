import assert from "node:assert/strict";
import { test } from "node:test";
import type { Answer } from "../http/server/answer.ts";
import { SAMPLE_REPORT } from "../testing/agent/sample-report.ts";
import { createNodePage } from "./node-page.ts";

interface Setup {
  readonly get: (
    path: string,
    headers?: Record<string, string>,
  ) => Promise<Answer & { readonly text: string }>;
  readonly reads: () => number;
  nowMs: number;
  fails: boolean;
}

function setUp(): Setup {
  let reads = 0;
  const pages = createNodePage({
    report: () => {
      reads++;
      return setup.fails ? Promise.reject(new Error("no kernel")) : Promise.resolve({ ...SAMPLE_REPORT });
    },
    nowMs: () => setup.nowMs,
  });
  const setup: Setup = {
    async get(path, headers = {}) {
      const answer = await pages[path]?.({ method: "GET", path, headers: new Map(Object.entries(headers)) });
      if (answer === undefined) throw new Error(`nobody answers ${path}`);
      return { ...answer, text: Buffer.from(answer.body).toString() };
    },
    reads: () => reads,
    nowMs: 0,
    fails: false,
  };
  return setup;
}

test("the page allows nothing but its own style and script", async () => {
  const { headers = {} } = await setUp().get("/");
  const policy = headers["content-security-policy"] ?? "";
  assert.match(policy, /^default-src 'none'; style-src 'sha256-[^']+'; script-src 'sha256-[^']+';/);
  assert.ok(!policy.includes("unsafe"));
});

test("many viewers read the node once a second, and get nothing again while nothing has changed", async () => {
  const setup = setUp();
  const etag = (await setup.get("/")).headers?.["etag"] ?? "";
  for (let viewer = 0; viewer < 10; viewer++) {
    const { status, body } = await setup.get("/", { "if-none-match": etag });
    assert.deepEqual([status, body.length], [304, 0]);
  }
  assert.equal(setup.reads(), 1);
  setup.nowMs = 1000;
  assert.equal((await setup.get("/", { "if-none-match": etag })).status, 304);
  assert.equal((await setup.get("/", { "if-none-match": "other" })).status, 200);
  assert.equal(setup.reads(), 2);
});

test("/report.json is the report", async () => {
  const { text } = await setUp().get("/report.json");
  assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(SAMPLE_REPORT)));
});

test("a node that cannot be read is told, and read again later", async () => {
  const setup = setUp();
  setup.fails = true;
  await assert.rejects(setup.get("/"), { message: "no kernel" });
  setup.fails = false;
  setup.nowMs = 1000;
  assert.equal((await setup.get("/")).status, 200);
});
