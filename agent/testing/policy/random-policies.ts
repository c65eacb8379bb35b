import fc from "fast-check";
import type {
  RawClusterPeer,
  RawClusterPolicy,
  RawClusterRule,
  RawNetworkPolicy,
  RawPeer,
  RawPort,
  RawProtocol,
  RawSelector,
} from "./raw-objects.ts";

const KEYS = ["app", "tier", "env", "team"];
const VALUES = ["web", "db", "front", "back", "test", "prod", "red", "blue"];
const PROTOCOLS = ["TCP", "UDP", "SCTP"] as const;
const PORTS = [53, 80, 81, 8000, 8001];
const NAMES = ["http", "dns", "admin"];

const expression = fc.oneof(
  fc.record({
    key: fc.constantFrom(...KEYS),
    operator: fc.constantFrom("In", "NotIn"),
    values: fc.uniqueArray(fc.constantFrom(...VALUES), { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ key: fc.constantFrom(...KEYS), operator: fc.constantFrom("Exists", "DoesNotExist") }),
);

const label = fc.constantFrom(
  { app: "web" },
  { app: "db" },
  { tier: "front" },
  { env: "prod" },
  { team: "red" },
  { "kubernetes.io/metadata.name": "alpha" },
);

const selector: fc.Arbitrary<RawSelector> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  { weight: 2, arbitrary: fc.record({ matchLabels: label }) },
  fc.record(
    { matchLabels: label, matchExpressions: fc.array(expression, { maxLength: 2 }) },
    { requiredKeys: ["matchExpressions"] },
  ),
);

/**
 * Blocks that meet, with host bits, with holes inside, outside and over all of them, and of both families.
 */
const ipBlock = fc.record(
  {
    cidr: fc.constantFrom(
      "10.244.0.0/16",
      "10.244.1.9/24",
      "10.244.1.12/30",
      "0.0.0.0/0",
      "203.0.113.0/24",
      "203.0.113.5/32",
      "192.0.2.0/24",
      "fd00::/8",
      "fd00:1::/64",
      "::/0",
      "2001:db8:1::5/128",
    ),
    except: fc.array(
      fc.constantFrom(
        "10.244.1.0/28",
        "10.244.1.12/31",
        "fd00:1::12/127",
        "10.244.2.0/24",
        "203.0.113.128/25",
        "0.0.0.0/0",
        "fd00:1::8/125",
        "2001:db8::/32",
      ),
      { maxLength: 3 },
    ),
  },
  { requiredKeys: ["cidr"] },
);

const peer: fc.Arbitrary<RawPeer> = fc.oneof(
  fc.record({ podSelector: selector }),
  fc.record({ namespaceSelector: selector }),
  fc.record({ podSelector: selector, namespaceSelector: selector }),
  fc.record({ ipBlock }),
);

const range = fc
  .tuple(fc.constantFrom(...PORTS), fc.constantFrom(0, 1, 10, 30, 7950))
  .map(([first, more]) => ({ first, last: first + more }));

const port: fc.Arbitrary<RawPort> = fc.oneof(
  fc.record(
    { protocol: fc.constantFrom(...PROTOCOLS), port: fc.constantFrom<number | string>(...PORTS, ...NAMES) },
    { requiredKeys: [] },
  ),
  fc.tuple(fc.constantFrom(...PROTOCOLS), range).map(([protocol, { first, last }]) => {
    return { protocol, port: first, endPort: last };
  }),
);

const ports = fc.array(port, { minLength: 1, maxLength: 3 });
const peers = fc.array(peer, { minLength: 1, maxLength: 3 });

export const randomNetworkPolicy: fc.Arbitrary<RawNetworkPolicy> = fc.record({
  metadata: fc.record({
    namespace: fc.constantFrom("alpha", "beta", "gamma"),
    name: fc.constantFrom("np1", "np2", "np3"),
  }),
  spec: fc.record(
    {
      podSelector: selector,
      policyTypes: fc.constantFrom<readonly string[]>(["Ingress"], ["Egress"], ["Ingress", "Egress"], []),
      ingress: fc.array(fc.record({ from: peers, ports }, { requiredKeys: [] }), { maxLength: 3 }),
      egress: fc.array(fc.record({ to: peers, ports }, { requiredKeys: [] }), { maxLength: 3 }),
    },
    { requiredKeys: ["podSelector"] },
  ),
});

const podsOrNamespaces: fc.Arbitrary<Pick<RawClusterPeer, "namespaces" | "pods">> = fc.oneof(
  fc.record({ namespaces: selector }),
  fc.record({ pods: fc.record({ namespaceSelector: selector, podSelector: selector }) }),
);

const outside: fc.Arbitrary<RawClusterPeer> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      networks: fc.array(
        ipBlock.map(({ cidr }) => cidr),
        { minLength: 1, maxLength: 3 },
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ nodes: fc.constantFrom<RawSelector>({}, { matchLabels: { zone: "a" } }) }),
  },
  // Of a channel that is not ours: it fails closed.
  { weight: 1, arbitrary: fc.record({ domainNames: fc.constant(["example.org"]) }) },
);

const destinationPort = fc.oneof(
  fc.constantFrom(...PORTS).map((number) => ({ number })),
  range.map(({ first, last }) => ({ range: { start: first, end: last + 1 } })),
);

const protocol: fc.Arbitrary<RawProtocol> = fc.oneof(
  fc.record({ tcp: fc.record({ destinationPort }) }),
  fc.record({ udp: fc.record({ destinationPort }) }),
  fc.record({ sctp: fc.record({ destinationPort }) }),
);

const namedPort: fc.Arbitrary<RawProtocol> = fc.record({ destinationNamedPort: fc.constantFrom(...NAMES) });

const action = fc.constantFrom("Accept", "Deny", "Pass");

function rules(end: "from" | "to"): fc.Arbitrary<readonly RawClusterRule[]> {
  const some = (who: fc.Arbitrary<RawClusterPeer>) => fc.array(who, { minLength: 1, maxLength: 3 });
  const listed = (what: fc.Arbitrary<RawProtocol>) => fc.array(what, { minLength: 1, maxLength: 3 });
  const anyPeer = end === "to" ? fc.oneof(podsOrNamespaces, outside) : podsOrNamespaces;
  // Networks and nodes have no names of ports.
  const rule = fc.oneof(
    fc.record(
      { action, [end]: some(anyPeer), protocols: listed(protocol) },
      { requiredKeys: ["action", end] },
    ),
    fc.record({ action, [end]: some(podsOrNamespaces), protocols: listed(fc.oneof(protocol, namedPort)) }),
  );
  return fc.array(rule as unknown as fc.Arbitrary<RawClusterRule>, { maxLength: 4 });
}

export const randomClusterPolicy: fc.Arbitrary<RawClusterPolicy> = fc.record({
  metadata: fc.record({ name: fc.constantFrom("c1", "c2", "c3", "c4", "c5", "c6") }),
  spec: fc.record(
    {
      tier: fc.constantFrom("Admin", "Baseline"),
      priority: fc.constantFrom(0, 10, 10, 1000),
      subject: podsOrNamespaces,
      ingress: rules("from"),
      egress: rules("to"),
    },
    { requiredKeys: ["tier", "priority", "subject"] },
  ),
});
