import { createHash } from "node:crypto";
import type { Answer, Handler } from "../http/server/answer.ts";
import { ageOf, type Collected, collectOnce } from "../http/collect-once.ts";
import { rememberLast } from "../lib/remember-last.ts";
import type { NodeReport } from "../report/node-report.ts";
import { printableJson } from "../text/printable.ts";
import { PAGE_SCRIPT } from "./page-script.ts";
import { PAGE_STYLE } from "./page-style.ts";
import { renderPage } from "./render-page.ts";

export interface NodePageInput {
  readonly report: () => Promise<NodeReport>;
  readonly nowMs: () => number;
}

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
};

interface Rendered {
  readonly body: Buffer;
  readonly etag: string;
}

/**
 * The node's page at `/`, and its report as JSON at `/report.json`; both are answered with 304 while nothing
 * has changed.
 */
export function createNodePage({ report, nowMs }: NodePageInput): Readonly<Record<string, Handler>> {
  const collect = collectOnce(report, nowMs);
  return {
    "/": serve("text/html; charset=utf-8", collect, renderPage),
    "/report.json": serve(
      "application/json",
      collect,
      (answer) => `${printableJson(JSON.stringify(answer))}\n`,
    ),
  };
}

function serve(
  contentType: string,
  collect: () => Promise<Collected<NodeReport>>,
  render: (report: NodeReport) => string,
): Handler {
  const rendered = renderOnce(render);
  return async ({ headers }): Promise<Answer> => {
    const collected = await collect();
    const { body, etag } = rendered(collected.value);
    const common = { ...HEADERS, ...ageOf(collected), etag };
    if (headers.get("if-none-match") === etag) return { status: 304, headers: common, body: Buffer.alloc(0) };
    return { status: 200, headers: { ...common, "content-type": contentType }, body };
  };
}

/** Renders each report once, for all who look. */
function renderOnce(render: (report: NodeReport) => string): (report: NodeReport) => Rendered {
  const once = rememberLast((report: NodeReport): Rendered => {
    const body = Buffer.from(render(report));
    return { body, etag: `"${createHash("sha256").update(body).digest("base64url")}"` };
  });
  return (report) => once([report], () => report);
}
