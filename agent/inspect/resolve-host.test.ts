import assert from "node:assert/strict";
import { test } from "node:test";
import { parseNamedTarget, resolveHost } from "./resolve-host.ts";

for (const [text, want] of [
  ["https://example.com/a?b", { host: "example.com", portText: ":443" }],
  ["http://web.shop.svc:8080/", { host: "web.shop.svc", portText: ":8080" }],
  ["http://192.0.2.7/", { host: "192.0.2.7", portText: ":80" }],
  ["https://[2001:db8::7]/", { host: "2001:db8::7", portText: ":443" }],
  ["postgres://db.shop.svc:5432/x", { host: "db.shop.svc", portText: ":5432" }],
  ["example.com:53/udp", { host: "example.com", portText: ":53/udp" }],
  ["localhost", { host: "localhost", portText: "" }],
  ["http://", undefined],
  ["shop/web", undefined],
  ["10.0.0", undefined],
  ["-x:80", undefined],
] as const)
  test(`parseNamedTarget("${text}")`, () => {
    assert.deepEqual(parseNamedTarget(text), want);
  });

test("resolveHost() gives targets of each family", async () => {
  assert.deepEqual(await resolveHost({ host: "192.0.2.7", portText: ":80" }), [
    { address: "192.0.2.7", port: { number: 80, protocol: "tcp" } },
  ]);
  assert.deepEqual(await resolveHost({ host: "2001:db8::7", portText: ":53/udp" }), [
    { address: "2001:db8::7", port: { number: 53, protocol: "udp" } },
  ]);
});

test("resolveHost() of a service that the node does not know says how to find its address", async () => {
  const said = await resolveHost({ host: "web.shop.svc.invalid", portText: ":80" });
  assert.match(
    typeof said === "string" ? said : "",
    /^this node cannot resolve "web\.shop\.svc\.invalid" \(.+\); .*kubectl get service --namespace shop web/,
  );
});
