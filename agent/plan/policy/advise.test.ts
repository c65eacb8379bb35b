import assert from "node:assert/strict";
import { test } from "node:test";
import { createShopEngine } from "../../testing/policy/shop-engine.ts";
import { listCautions } from "./advise.ts";

const WEB = { matchLabels: { app: "web" } };
const DNS = { ports: [{ protocol: "UDP", port: 53 }] };

for (const { name, spec, want } of [
  {
    name: "egress without DNS",
    spec: { podSelector: WEB, policyTypes: ["Egress"], egress: [{ ports: [{ port: 443 }] }] },
    want: ["shop/p: no egress rule lets UDP 53 pass, so that the pods cannot look up names"],
  },
  {
    name: "egress with DNS",
    spec: { podSelector: WEB, policyTypes: ["Egress"], egress: [{ ports: [{ port: 443 }] }, DNS] },
    want: [],
  },
  { name: "egress that is closed altogether", spec: { podSelector: WEB, policyTypes: ["Egress"] }, want: [] },
  {
    name: "egress to somebody on all ports",
    spec: { podSelector: WEB, policyTypes: ["Egress"], egress: [{ to: [{ podSelector: {} }] }] },
    want: [],
  },
  {
    name: "a block of pods' addresses",
    spec: { podSelector: WEB, ingress: [{}, { from: [{ ipBlock: { cidr: "10.244.7.3/32" } }] }] },
    want: [
      "NetworkPolicy shop/p, ingress rule 2: block 10.244.7.3/32 is of pods' addresses, which come and go: name pods by their labels",
    ],
  },
  {
    name: "a block that holds the cluster",
    spec: { podSelector: WEB, ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/8" } }] }] },
    want: [],
  },
  {
    name: "a port that the pod does not name",
    spec: { podSelector: WEB, ingress: [{ ports: [{ port: "metrics" }, { port: "web" }] }] },
    want: [
      'NetworkPolicy shop/p, ingress rule 1: shop/web-1 has no port named "metrics", so that it opens none',
    ],
  },
  {
    name: "a policy of other pods",
    spec: { podSelector: { matchLabels: { app: "db" } }, ingress: [{ ports: [{ port: "metrics" }] }] },
    want: [],
  },
]) {
  test(`listCautions() with ${name}`, () => {
    const shop = createShopEngine();
    shop.addPod("web-1", { addresses: ["10.244.1.7"], labels: { app: "web" } });
    shop.addPod("web-2", { addresses: ["10.244.2.7"], labels: { app: "web" }, node: "there" });
    shop.addPolicy("p", spec);
    assert.deepEqual(listCautions(shop.engine, "here"), want);
  });
}
