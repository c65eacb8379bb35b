import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { ShimTransport } from "../cni/server.ts";
import { silentLog } from "../testing/silent-log.ts";
import { encodeRequestFrame } from "../cni/request/frame.ts";
import { createQueryServer } from "./query-server.ts";

type Handlers = Parameters<ShimTransport["listen"]>[1];

/**
 * Asks a server that answers "report" and fails at "report all"; gives exit code and text, and the
 * descriptors that were closed.
 */
async function ask(environment: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), "query-"));
  const closed: number[] = [];
  let handlers: Handlers | undefined;
  const reply = await new Promise<Uint8Array>((resolve) => {
    const server = createQueryServer({
      transport: {
        listen(_path, given) {
          handlers = given;
          return { stop: () => undefined };
        },
        reply: (_connection, bytes) => resolve(bytes),
        close: (fd) => closed.push(fd),
      },
      path: join(folder, "run/agent.sock.query"),
      answers: {
        report: () => Promise.resolve("{}"),
        "report all": () => Promise.reject(new Error("no kernel")),
        verify: () => Promise.resolve('{"faults":[]}'),
        policies: (about) => Promise.resolve(about),
        cautions: () => Promise.resolve("{}"),
        key: () => Promise.resolve("{}"),
        "rotate key": () => Promise.resolve("{}"),
      },
      log: silentLog,
    });
    server.ensure();
    handlers?.onRequest(1, encodeRequestFrame(environment, ""), [7, 8]);
  });
  rmSync(folder, { recursive: true });
  const bytes = Buffer.from(reply);
  return { exitCode: bytes.readUInt16BE(10), text: bytes.toString("utf8", 12), closed };
}

const cases = [
  { name: "the report", environment: { CAUSEWAY_QUERY: "report" }, exitCode: 0, text: "{}" },
  {
    name: "a question about something",
    environment: { CAUSEWAY_QUERY: "policies", CAUSEWAY_QUERY_ABOUT: '{"port":80}' },
    exitCode: 0,
    text: '{"port":80}',
  },
  { name: "a failure", environment: { CAUSEWAY_QUERY: "report all" }, exitCode: 1, text: "no kernel" },
  {
    name: "a question that nobody knows",
    environment: { CAUSEWAY_QUERY: "constructor" },
    exitCode: 1,
    text: 'Cannot answer query "constructor": available are report, report all, verify, policies, cautions, key, rotate key',
  },
  {
    name: "a request of a runtime",
    environment: { CNI_COMMAND: "ADD" },
    exitCode: 1,
    text: 'Cannot answer query "": available are report, report all, verify, policies, cautions, key, rotate key',
  },
];

for (const { name, environment, exitCode, text } of cases) {
  test(`the query server answers ${name}, and keeps no descriptor`, async () => {
    assert.deepEqual(await ask(environment), { exitCode, text, closed: [7, 8] });
  });
}
