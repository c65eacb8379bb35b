import assert from "node:assert/strict";
import { test } from "node:test";
import { createShopEngine, type ShopEngine } from "../../../testing/policy/shop-engine.ts";
import { projectNamespace } from "../parse/project-pod.ts";
import { listCautions } from "./list-cautions.ts";
import type { KnownPods } from "./selects-nobody.ts";
import { policyChange } from "../../../testing/policy/raw-objects.ts";

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
      "NetworkPolicy shop/p, ingress rule 2: block 10.244.7.3/32 has pods' addresses, which come and go: name pods by their labels",
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
  {
    name: "a service's port in the place of its target's (weave#3642)",
    spec: { podSelector: WEB, ingress: [{ ports: [{ port: 8080 }] }, { ports: [{ port: 80 }] }] },
    want: [
      "NetworkPolicy shop/p, ingress rule 2: TCP 80 is not a port that the selected pods declare (shop/web-1 has TCP 8080): rules name pods' ports, not a service's",
    ],
  },
  {
    name: "a port that one of the pods has",
    spec: { podSelector: {}, ingress: [{ ports: [{ port: 9090 }] }] },
    want: [],
  },
  {
    name: "another protocol than the pod's",
    spec: { podSelector: WEB, ingress: [{ ports: [{ protocol: "UDP", port: 8080 }] }] },
    want: [
      "NetworkPolicy shop/p, ingress rule 1: UDP 8080 is not a port that the selected pods declare (shop/web-1 has TCP 8080): rules name pods' ports, not a service's",
    ],
  },
  {
    name: "a range of ports, which nobody declares one by one",
    spec: { podSelector: WEB, ingress: [{ ports: [{ port: 30000, endPort: 30100 }] }] },
    want: [],
  },
  {
    name: "a peer in namespaces that do not exist",
    spec: {
      podSelector: WEB,
      ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: "none" } } }] }],
      egress: [{}],
    },
    want: [
      "NetworkPolicy shop/p, ingress rule 1: no namespace has the labels that a peer of it asks for, so that the peer matches nothing",
    ],
  },
]) {
  test(`listCautions() with ${name}`, () => {
    const shop = createShopEngine();
    shop.addPod("web-1", { addresses: ["10.244.1.7"], labels: { app: "web" } });
    shop.addPod("web-2", { addresses: ["10.244.2.7"], labels: { app: "web" }, node: "there" });
    shop.addPod("monitor", { addresses: ["10.244.1.8"], ports: [9090] });
    shop.addPolicy("p", spec);
    assert.deepEqual(cautionsOf(shop), want);
  });
}

function cautionsOf({ engine }: ShopEngine, known: KnownPods = "watched"): readonly string[] {
  return listCautions({ engine, nodeName: "here", known });
}

test("listCautions() says nothing of ports to pods that declare none", () => {
  const shop = createShopEngine();
  shop.addPod("web-1", { addresses: ["10.244.1.7"], labels: { app: "web" }, ports: [] });
  shop.addPolicy("p", { podSelector: WEB, ingress: [{ ports: [{ port: 80 }] }] });
  assert.deepEqual(cautionsOf(shop), []);
});

const NOBODY = "NetworkPolicy shop/nobody selects no pod at present, so that it does nothing";

for (const { known, from, want } of [
  // Whoever asks for the whole namespace knows it.
  { known: "watched", from: {}, want: [NOBODY] },
  { known: "watched", from: { matchLabels: { app: "front" } }, want: [] },
  { known: "own", from: {}, want: [] },
  { known: "all", from: { matchLabels: { app: "front" } }, want: [NOBODY] },
] as const) {
  test(`listCautions() ${want.length === 0 ? "does not claim" : "tells"} that a policy selects nobody: pods known are ${known}, peers ${JSON.stringify(from)}`, () => {
    const shop = createShopEngine();
    shop.addPod("web-1", { addresses: ["10.244.1.7"], labels: { app: "web" } });
    shop.addPod("db", { addresses: ["10.244.2.7"], labels: { app: "db" }, node: "there" });
    shop.addPolicy("p", { podSelector: WEB, ingress: [{ from: [{ podSelector: from }] }] });
    shop.addPolicy("of-db", { podSelector: { matchLabels: { app: "db" } } });
    shop.addPolicy("nobody", { podSelector: { matchLabels: { app: "wbe" } } });
    assert.deepEqual(cautionsOf(shop, known), want);
  });
}

test("listCautions() tells a ClusterNetworkPolicy whose subject no namespace is, until one comes", () => {
  const { engine } = createShopEngine();
  const team = { matchLabels: { team: "a" } };
  const spec = { tier: "Admin", priority: 1, subject: { namespaces: team } };
  const cautions = (): readonly string[] => listCautions({ engine, nodeName: "here", known: "own" });
  engine.apply([policyChange(undefined, "guard", spec)]);
  assert.deepEqual(cautions(), ["ClusterNetworkPolicy guard selects no namespace, so that it does nothing"]);
  const namespace = projectNamespace({ metadata: { name: "later", labels: { team: "a" } } });
  engine.apply([{ kind: "namespace", name: "later", namespace }]);
  assert.deepEqual(cautions(), []);
});
