import type { PolicyKernel } from "../../kernel/policy/policy-kernel.ts";
import { digestOf } from "../../reconcile/policy/digest.ts";
import { cidrOf } from "../../net/cidr.ts";
import { projectNamespace, projectPod } from "../../plan/policy/parse/project-pod.ts";
import { createPolicyEngine, type PolicyEngine } from "../../plan/policy/state/policy-engine.ts";
import type { TableChange } from "../../plan/policy/state/table-change.ts";
import { FRONT, WEB } from "../packets/pod-pair.ts";
import { policyChange } from "./raw-objects.ts";

/**
 * An engine of one node, fed by hand: all is in namespace "shop". Each call answers what becomes of the
 * table.
 */
export interface ShopEngine {
  readonly engine: PolicyEngine;
  addPolicy(name: string, spec: unknown): readonly TableChange[];
  removePolicy(name: string): readonly TableChange[];
  /** One of this node gets an attachment; it has a port "web", TCP 8080. */
  addPod(name: string, pod: ShopPod): readonly TableChange[];
  removePod(name: string): readonly TableChange[];
}

export interface ShopPod {
  readonly addresses: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly node?: "here" | "there";
  /** Without names, in the place of the port "web". */
  readonly ports?: readonly number[];
}

const namespace = "shop";

export function createShopEngine(): ShopEngine {
  const engine = createPolicyEngine({
    digestOf,
    nodeName: "here",
    families: [4, 6],
    network: { cidrs: [cidrOf("10.244.0.0", 16), cidrOf("fd00:10:244::", 56)], gateways: ["10.244.1.1"] },
  });
  engine.apply([
    {
      kind: "namespace",
      name: namespace,
      namespace: projectNamespace({ metadata: { name: namespace, labels: {} } }),
    },
  ]);
  return {
    engine,
    addPolicy(name, spec) {
      const changes = engine.apply([policyChange(namespace, name, spec)]);
      if (engine.policies.faulty.size > 0) throw new Error(`policy ${name} is not understood`);
      return changes;
    },
    removePolicy: (name) => engine.apply([policyChange(namespace, name, undefined)]),
    addPod(name, { addresses, labels = {}, node = "here", ports }) {
      const declared = ports?.map((containerPort) => ({ containerPort })) ?? [
        { name: "web", protocol: "TCP", containerPort: 8080 },
      ];
      const containers = [{ ports: declared }];
      const raw = {
        metadata: { namespace, name, labels },
        spec: { nodeName: node, containers },
        status: { phase: "Running", podIPs: addresses.map((ip) => ({ ip })) },
      };
      const attachment = { namespace, name, uid: undefined, addresses };
      return engine.apply([
        { kind: "pod", namespace, name, pod: projectPod(raw, () => true) },
        ...(node === "here" ? [{ kind: "attachment", id: name, attachment } as const] : []),
      ]);
    },
    removePod: (name) =>
      engine.apply([
        { kind: "attachment", id: name, attachment: undefined },
        { kind: "pod", namespace, name, pod: undefined },
      ]),
  };
}

/** Puts the pod "web" of a pair under NetworkPolicies with these specs. */
export async function isolateWeb(kernel: PolicyKernel, ...specs: readonly unknown[]): Promise<ShopEngine> {
  const shop = createShopEngine();
  for (const [index, spec] of specs.entries()) shop.addPolicy(`p${index}`, spec);
  shop.addPod("web", { addresses: WEB, labels: { app: "web" } });
  shop.addPod("front", { addresses: FRONT, labels: { app: "front" }, node: "there" });
  await kernel.ensure(shop.engine.table);
  return shop;
}

/** Has all kinds of look-ups, and sets of all kinds. */
export const WEB_POLICY = {
  podSelector: { matchLabels: { app: "web" } },
  policyTypes: ["Ingress", "Egress"],
  ingress: [
    {
      from: [{ podSelector: { matchLabels: { app: "front" } } }],
      ports: [{ port: "web" }, { port: 9000, endPort: 9100 }],
    },
    {
      from: [{ ipBlock: { cidr: "192.0.2.0/24", except: ["192.0.2.7/32"] } }],
      ports: [{ protocol: "UDP", port: 53 }],
    },
    { from: [{ namespaceSelector: {} }], ports: [{ port: 443 }] },
    { from: [{ podSelector: { matchLabels: { app: "batch" } } }], ports: [{ port: 80 }] },
  ],
  egress: [{ to: [{ ipBlock: { cidr: "2001:db8::/32" } }] }, { ports: [{ protocol: "UDP", port: 53 }] }],
};
