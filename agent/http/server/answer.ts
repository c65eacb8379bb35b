import type { RequestHead } from "./request-head.ts";

/** What is sent back. */
export interface Answer {
  readonly status: number;
  /** Besides those that every answer has. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export type Handler = (request: RequestHead) => Answer | Promise<Answer>;

/** RFC 9110, section 15. */
const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  304: "Not Modified",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  413: "Content Too Large",
  421: "Misdirected Request",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
  505: "HTTP Version Not Supported",
};

export function textAnswer(status: number, text: string, contentType = "text/plain; charset=utf-8"): Answer {
  return { status, headers: { "content-type": contentType }, body: Buffer.from(text) };
}

/** The answer as it is sent: the connection ends with it. */
export function encodeAnswer(
  { status, headers = {}, body }: Answer,
  { date, withBody }: { readonly date: Date; readonly withBody: boolean },
): Buffer {
  const fields = {
    date: date.toUTCString(),
    connection: "close",
    "x-content-type-options": "nosniff",
    ...(status === 304 ? {} : { "content-length": String(body.length) }),
    ...headers,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = Buffer.from(`HTTP/1.1 ${status} ${REASONS[status] ?? ""}\r\n${lines.join("")}\r\n`, "latin1");
  return withBody ? Buffer.concat([head, body]) : head;
}
