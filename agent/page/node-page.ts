import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { messageOf } from "../errors.ts";
import type { NodeReport } from "../report/node-report.ts";
import { PAGE_SCRIPT } from "./page-script.ts";
import { PAGE_STYLE } from "./page-style.ts";
import { renderPage } from "./render-page.ts";

export interface NodePageInput {
  readonly report: () => Promise<NodeReport>;
  readonly nowMs: () => number;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** However many look, the node is read once in this time. */
const FRESH_MS = 1000;

function hashOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

/** Nothing but the page's own style and script, and what the script asks the agent. */
const POLICY = [
  "default-src 'none'",
  `style-src ${hashOf(PAGE_STYLE)}`,
  `script-src ${hashOf(PAGE_SCRIPT)}`,
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const HEADERS = {
  "cache-control": "no-cache",
  "content-security-policy": POLICY,
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

interface Rendered {
  readonly bytes: Buffer;
  readonly etag: string;
}

/** The node's page at `/`, and its report as JSON at `/report.json`; both are answered with 304 while nothing has changed. */
export function createNodePage({ report, nowMs }: NodePageInput): Readonly<Record<string, Handler>> {
  const fresh = rememberFor(report, nowMs);
  return {
    "/": serve("text/html; charset=utf-8", rememberLast(fresh, renderPage)),
    "/report.json": serve(
      "application/json",
      rememberLast(fresh, (answer) => `${JSON.stringify(answer)}\n`),
    ),
  };
}

function rememberFor<Value>(read: () => Promise<Value>, nowMs: () => number): () => Promise<Value> {
  let last: { readonly untilMs: number; readonly value: Promise<Value> } | undefined;
  return () => {
    if (last === undefined || nowMs() >= last.untilMs) last = { untilMs: nowMs() + FRESH_MS, value: read() };
    return last.value;
  };
}

/** Renders each report once, for all who look. */
function rememberLast(
  read: () => Promise<NodeReport>,
  render: (report: NodeReport) => string,
): () => Promise<Rendered> {
  let last: { readonly report: NodeReport; readonly rendered: Rendered } | undefined;
  return async () => {
    const report = await read();
    if (last?.report !== report) {
      const bytes = Buffer.from(render(report));
      const etag = `"${createHash("sha256").update(bytes).digest("base64url")}"`;
      last = { report, rendered: { bytes, etag } };
    }
    return last.rendered;
  };
}

function serve(contentType: string, read: () => Promise<Rendered>): Handler {
  return (request, response) => {
    read().then(
      ({ bytes, etag }) => {
        const isKnown = request.headers["if-none-match"] === etag;
        const length = { "content-type": contentType, "content-length": bytes.length };
        response.writeHead(isKnown ? 304 : 200, { ...HEADERS, etag, ...(isKnown ? {} : length) });
        response.end(isKnown ? undefined : bytes);
      },
      (error: unknown) => {
        response.writeHead(500, { "content-type": "text/plain; charset=utf-8" });
        response.end(`Cannot report: ${messageOf(error)}\n`);
      },
    );
  };
}
