/** What is used of a request. Names of header fields are in lower case. */
export interface RequestHead {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly headers: ReadonlyMap<string, string>;
}

/** Why a request is answered with an error, whoever sent it. */
export interface BadRequest {
  readonly status: 400 | 413 | 431 | 505;
  readonly reason: string;
}

/**
 * Bytes up to the empty line that ends it, and lines: a scraper's or browser's has some hundred bytes in a
 * dozen lines.
 */
export const MAX_HEAD_BYTES = 8192;
const MAX_FIELDS = 64;

/** token of RFC 9110, and values without control characters. */
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP\/(\d)\.\d$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:\P{Cc}|\t)*)$/u;

/**
 * What must not come twice: two readers of one request could take different ones (RFC 9112, sections 3.2 and
 * 6.3).
 */
const ONLY_ONCE = new Set(["host", "content-length", "transfer-encoding"]);

/**
 * Reads the head of a request by RFC 9112 at its strictest: lines end with CR LF, no line is continued, there
 * is one host and no body. Undefined while its end is not there. What comes behind it is not looked at.
 */
export function parseRequestHead(bytes: Buffer): RequestHead | BadRequest | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end === -1 ? bytes.length >= MAX_HEAD_BYTES : end > MAX_HEAD_BYTES)
    return { status: 431, reason: `the head has more than ${MAX_HEAD_BYTES} bytes` };
  if (end === -1) return undefined;
  const [requestLine = "", ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
  const [, method, target, major] = REQUEST_LINE.exec(requestLine) ?? [];
  if (method === undefined || target === undefined)
    return { status: 400, reason: "the first line is not a request line" };
  if (major !== "1") return { status: 505, reason: "only HTTP/1.1 is supported" };
  if (!target.startsWith("/")) return { status: 400, reason: "the target must begin with /" };
  const headers = parseFields(lines);
  if (!(headers instanceof Map)) return headers;
  return faultOf(headers) ?? { method, path: target.split("?")[0] ?? "", headers };
}

function parseFields(lines: readonly string[]): Map<string, string> | BadRequest {
  if (lines.length > MAX_FIELDS) return { status: 431, reason: `there are more than ${MAX_FIELDS} fields` };
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = FIELD.exec(line) ?? [];
    if (name === undefined || value === undefined)
      return { status: 400, reason: "a line is not a header field" };
    const key = name.toLowerCase();
    if (ONLY_ONCE.has(key) && headers.has(key)) return { status: 400, reason: `${key} is repeated` };
    headers.set(key, value.trimEnd());
  }
  return headers;
}

function faultOf(headers: ReadonlyMap<string, string>): BadRequest | undefined {
  if (!headers.has("host")) return { status: 400, reason: "Host is missing" };
  if (headers.has("transfer-encoding") || (headers.get("content-length") ?? "0") !== "0")
    return { status: 413, reason: "a request body is not accepted" };
  return undefined;
}
