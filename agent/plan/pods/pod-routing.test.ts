import assert from "node:assert/strict";
import { test } from "node:test";
import type { Family } from "../../net/address.ts";
import { cidrOf, formatCidr, parseCidr } from "../../net/cidr.ts";
import { type OtherRoute, planPodRouting } from "./pod-routing.ts";

const GATEWAYS = { 4: "10.244.1.1", 6: "fd00:10:244:1::1" } as const;
const clusterCidrs = [cidrOf("10.244.0.0", 16), cidrOf("fd00:10:244::", 48)];

/** A route through another interface, number 2. */
function route(destination: string, rest: Partial<OtherRoute> = {}): OtherRoute {
  const cidr = parseCidr(destination) ?? assert.fail(destination);
  return {
    destination: cidr,
    gateway: undefined,
    linkIndex: 2,
    metric: undefined,
    isOurs: false,
    ...rest,
  };
}

interface Case {
  readonly name: string;
  readonly family?: Family;
  readonly wantsDefault?: boolean;
  readonly others?: readonly OtherRoute[];
  readonly routes: readonly string[];
  readonly metric?: number;
  readonly hasOwnTable: boolean;
  readonly displaced?: readonly number[];
}

const cases: readonly Case[] = [
  { name: "the only interface", routes: ["0.0.0.0/0"], hasOwnTable: false },
  { name: "the only one that wants it", wantsDefault: true, routes: ["0.0.0.0/0"], hasOwnTable: false },
  { name: "the only one that does not", wantsDefault: false, routes: ["10.244.0.0/16"], hasOwnTable: true },
  {
    name: "beside a default route",
    others: [route("10.88.0.0/24"), route("0.0.0.0/0", { gateway: "10.88.0.1" })],
    routes: ["10.244.0.0/16"],
    hasOwnTable: true,
  },
  {
    name: "beside a default route of another metric",
    others: [route("0.0.0.0/0", { metric: 100 })],
    routes: ["10.244.0.0/16"],
    hasOwnTable: true,
  },
  {
    name: "beside a network without default route",
    others: [route("10.88.0.0/24")],
    routes: ["0.0.0.0/0"],
    hasOwnTable: true,
  },
  {
    name: "beside a link-local prefix alone",
    family: 6,
    others: [route("fe80::/64"), route("ff00::/8")],
    routes: ["::/0"],
    hasOwnTable: false,
  },
  {
    name: "beside ours, which leads to the cluster",
    others: [route("0.0.0.0/0", { gateway: GATEWAYS[4], isOurs: true })],
    routes: [],
    hasOwnTable: true,
  },
  {
    name: "instead of ours",
    wantsDefault: true,
    others: [route("0.0.0.0/0", { gateway: GATEWAYS[4], isOurs: true })],
    routes: ["0.0.0.0/0"],
    hasOwnTable: true,
    displaced: [2],
  },
  {
    name: "before other default routes of IPv6",
    family: 6,
    wantsDefault: true,
    others: [route("::/0", { metric: 1024 }), route("::/0", { metric: 512 })],
    routes: ["::/0"],
    metric: 511,
    hasOwnTable: true,
  },
  {
    name: "before one of IPv6 that is late anyway",
    family: 6,
    wantsDefault: true,
    others: [route("::/0", { metric: 4096 })],
    routes: ["::/0"],
    hasOwnTable: true,
  },
];

for (const { name, family = 4, wantsDefault, others = [], metric, displaced = [], ...want } of cases) {
  test(`planPodRouting() plans an interface ${name}`, () => {
    const gateway = GATEWAYS[family];
    const routing = planPodRouting({ family, gateway, wantsDefault, others, clusterCidrs });
    assert.deepEqual(
      routing.routes.map(({ destination }) => formatCidr(destination)),
      want.routes,
    );
    assert.ok(routing.routes.every((planned) => planned.gateway === gateway));
    assert.equal(routing.metric, metric);
    assert.equal(routing.hasOwnTable, want.hasOwnTable);
    assert.deepEqual(
      routing.displaced.map(({ linkIndex }) => linkIndex),
      displaced,
    );
  });
}

test("planPodRouting() says when nothing can go before another default route", () => {
  const others = [route("::/0", { metric: 1 })];
  assert.throws(
    () => planPodRouting({ family: 6, gateway: GATEWAYS[6], wantsDefault: true, others, clusterCidrs }),
    /another one has metric 1$/,
  );
});
