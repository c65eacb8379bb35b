import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addressFromBytes } from "../../net/address.ts";
import { cidrOf } from "../../net/cidr.ts";
import { addRoute, deleteRoute, parseRoute, type Route, replaceRoute } from "./route.ts";
import { scopeFromNumber } from "../scope.ts";

const u32 = fc.integer({ min: 0, max: 0xffffffff });

function routeOf(bytes: 4 | 16): fc.Arbitrary<Route> {
  const address = fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(addressFromBytes);
  const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
  return fc.record(
    {
      destination: fc.tuple(address, fc.nat(bytes * 8)).map(([base, length]) => cidrOf(base, length)),
      gateway: maybe(address),
      linkIndex: maybe(u32),
      scope: fc.nat(255).map(scopeFromNumber),
      protocol: fc.nat(255),
      table: u32,
      source: maybe(address),
      metric: maybe(u32),
      mtu: maybe(u32),
      onlink: fc.boolean(),
      type: fc.constant(1),
      nextHops: fc.constant([]),
      nextHopId: fc.constant(undefined),
    },
    { noNullPrototype: true },
  );
}

test("addRoute() writes what parseRoute() reads", () => {
  fc.assert(
    fc.property(fc.oneof(routeOf(4), routeOf(16)), (route) => {
      assert.deepEqual(parseRoute(Buffer.concat(addRoute(route).payload)), route);
    }),
  );
});

const toNode = { destination: cidrOf("10.244.2.0", 24), gateway: "192.0.2.7", protocol: 99 };

for (const { request, want } of [
  { request: addRoute(toNode), want: "add route 10.244.2.0/24 via 192.0.2.7" },
  {
    request: replaceRoute({ ...toNode, destination: cidrOf("::", 0), gateway: "fd00::1" }),
    want: "replace route default via fd00::1",
  },
  {
    request: deleteRoute({ destination: cidrOf("10.244.1.1", 32), linkIndex: 2, protocol: 99 }),
    want: "delete route 10.244.1.1/32",
  },
]) {
  test(`NetlinkRequest of a route says "${want}"`, () => assert.equal(request.what, want));
}

test("deleteRoute() matches any scope unless told", () => {
  assert.equal(parseRoute(Buffer.concat(deleteRoute(toNode).payload)).scope, "nowhere");
  assert.equal(parseRoute(Buffer.concat(deleteRoute({ ...toNode, scope: "link" }).payload)).scope, "link");
});
