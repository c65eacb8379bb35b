import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MAX_HEAD_BYTES, parseRequestHead } from "./request-head.ts";

const HOST = "Host: 192.0.2.7:9655";

function parse(...lines: readonly string[]): ReturnType<typeof parseRequestHead> {
  return parseRequestHead(Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"));
}

test("parseRequestHead() gives method, path without the query, and fields in lower case", () => {
  const head = parse("GET /metrics?a=b HTTP/1.1", HOST, 'If-None-Match:  "x" ', "Content-Length: 0");
  assert.deepEqual(head, {
    method: "GET",
    path: "/metrics",
    headers: new Map([
      ["host", "192.0.2.7:9655"],
      ["if-none-match", '"x"'],
      ["content-length", "0"],
    ]),
  });
});

test("parseRequestHead() waits for the empty line", () => {
  assert.equal(parseRequestHead(Buffer.from(`GET / HTTP/1.1\r\n${HOST}\r\n`)), undefined);
});

test("parseRequestHead() does not look at a second request behind the first", () => {
  const head = parseRequestHead(Buffer.from(`GET /a HTTP/1.1\r\n${HOST}\r\n\r\nGET /b HTTP/1.1\r\n\0\0`));
  assert.ok(head !== undefined && "method" in head && head.path === "/a");
});

const REFUSED: readonly {
  readonly name: string;
  readonly lines: readonly string[];
  readonly status: number;
}[] = [
  { name: "no request line", lines: ["", HOST], status: 400 },
  { name: "no version", lines: ["GET /", HOST], status: 400 },
  { name: "the preface of HTTP/2", lines: ["PRI * HTTP/2.0"], status: 505 },
  { name: "a URL as target", lines: ["GET http://192.0.2.7/ HTTP/1.1", HOST], status: 400 },
  { name: "no host", lines: ["GET / HTTP/1.1"], status: 400 },
  { name: "two hosts", lines: ["GET / HTTP/1.1", HOST, "host: evil.example"], status: 400 },
  { name: "a body", lines: ["GET / HTTP/1.1", HOST, "Content-Length: 5"], status: 413 },
  { name: "a length that is no number", lines: ["GET / HTTP/1.1", HOST, "Content-Length: 0x0"], status: 413 },
  {
    name: "two lengths",
    lines: ["GET / HTTP/1.1", HOST, "Content-Length: 0", "Content-Length: 5"],
    status: 400,
  },
  { name: "chunks", lines: ["GET / HTTP/1.1", HOST, "Transfer-Encoding: chunked"], status: 413 },
  {
    name: "chunks and a length",
    lines: ["GET / HTTP/1.1", HOST, "Transfer-Encoding: chunked", "Content-Length: 0"],
    status: 413,
  },
  {
    name: "a blank before the colon",
    lines: ["GET / HTTP/1.1", HOST, "Transfer-Encoding : chunked"],
    status: 400,
  },
  { name: "a continued line", lines: ["GET / HTTP/1.1", HOST, "X: a", " chunked"], status: 400 },
  { name: "a bare line feed", lines: ["GET / HTTP/1.1", `${HOST}\nTransfer-Encoding: chunked`], status: 400 },
  { name: "a bare carriage return", lines: ["GET / HTTP/1.1", `${HOST}\rX: y`], status: 400 },
  { name: "a NUL", lines: ["GET / HTTP/1.1", `${HOST}\0`], status: 400 },
  {
    name: "65 fields",
    lines: ["GET / HTTP/1.1", HOST, ...Array.from({ length: 64 }, () => "A: b")],
    status: 431,
  },
  { name: "a long field", lines: ["GET / HTTP/1.1", HOST, `A: ${"b".repeat(MAX_HEAD_BYTES)}`], status: 431 },
];

for (const { name, lines, status } of REFUSED) {
  test(`parseRequestHead() refuses ${name}`, () => {
    const refused = parse(...lines);
    assert.ok(refused !== undefined && "status" in refused, JSON.stringify(refused));
    assert.equal(refused.status, status);
  });
}

test("parseRequestHead() refuses a head that does not end", () => {
  const endless = Buffer.alloc(MAX_HEAD_BYTES, "GET / HTTP/1.1\r\nA: b\r\nB:");
  const refused = parseRequestHead(endless);
  assert.ok(refused !== undefined && "status" in refused && refused.status === 431);
});

test("parseRequestHead() reads or refuses any bytes, and what it gives holds no control character", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20 }), fc.nat(2), (bytes, place) => {
      const texts = ["GET /", " HTTP/1.1\r\nHost: a", "\r\nX: "].map((text) => Buffer.from(text));
      const parts = texts.flatMap((text, index) => (index === place ? [text, bytes] : [text]));
      const head = parseRequestHead(Buffer.concat([...parts, Buffer.from("\r\n\r\n")]));
      if (head === undefined || !("method" in head)) return;
      for (const text of [head.path, ...head.headers.values()])
        assert.doesNotMatch(text.replaceAll("\t", ""), /\p{Cc}/u);
    }),
  );
});
