import type { DirectedProbe } from "../../agent/testing/policy/directed-probes.ts";
import { HERE } from "../../agent/testing/policy/random-cluster.ts";
import type {
  RawCluster,
  RawClusterPolicy,
  RawContainerPort,
  RawNetworkPolicy,
  RawPod,
} from "../../agent/testing/policy/raw-objects.ts";

const SERVER = "10.244.1.10";
const CLIENT = "10.244.1.11";

const http = (containerPort: number): RawContainerPort => ({ name: "http", protocol: "TCP", containerPort });
const toServer: DirectedProbe = {
  direction: "ingress",
  source: CLIENT,
  destination: SERVER,
  protocol: "TCP",
  port: 80,
};
const fromServer: DirectedProbe = {
  ...toServer,
  direction: "egress",
  source: SERVER,
  destination: CLIENT,
};

export interface KnownDifference {
  readonly name: string;
  readonly cluster: RawCluster;
  readonly probe: DirectedProbe;
  /** What the specification says, and so do we. */
  readonly passes: boolean;
}

/** What kube-network-policies 1.1.0 judges in another way than we do. */
export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    name: "a NetworkPolicy of one direction hides the Baseline tier of the other",
    cluster: clusterOf({
      policies: [networkPolicy({ policyTypes: ["Ingress"] })],
      clusterPolicies: [
        clusterPolicy({ tier: "Baseline", egress: [{ action: "Deny", to: [{ namespaces: {} }] }] }),
      ],
    }),
    probe: fromServer,
    passes: false,
  },
  {
    name: "an action that it does not know is passed over",
    cluster: clusterOf({
      clusterPolicies: [
        clusterPolicy({ tier: "Admin", ingress: [{ action: "Audit", from: [{ namespaces: {} }] }] }),
      ],
    }),
    probe: toServer,
    passes: false,
  },
  {
    name: "names of domains are looked up, and match nothing until then",
    cluster: clusterOf({
      clusterPolicies: [
        clusterPolicy({
          tier: "Admin",
          egress: [{ action: "Deny", to: [{ domainNames: ["example.org"] }] }],
        }),
      ],
    }),
    probe: fromServer,
    passes: false,
  },
  {
    name: "a sidecar's port is not found by its name",
    cluster: clusterOf({ policies: [allowHttp()], sidecarPorts: [http(80)] }),
    probe: toServer,
    passes: true,
  },
  {
    name: "of two ports of one name the second is let in, too",
    cluster: clusterOf({ policies: [allowHttp()], ports: [http(8000), http(80)] }),
    probe: toServer,
    passes: false,
  },
  {
    name: "an empty list of rules, which no API server serves, allows all",
    cluster: clusterOf({ policies: [networkPolicy({ policyTypes: ["Ingress"], ingress: [] })] }),
    probe: toServer,
    passes: false,
  },
  {
    name: "what a pod sends to itself, which it is never shown, is denied",
    cluster: clusterOf({ policies: [networkPolicy({ policyTypes: ["Ingress"] })] }),
    probe: { ...toServer, source: SERVER },
    passes: true,
  },
];

function networkPolicy(spec: RawNetworkPolicy["spec"]): RawNetworkPolicy {
  const metadata = { namespace: "alpha", name: "np1" };
  return { metadata, spec: { podSelector: { matchLabels: { app: "server" } }, ...spec } };
}

function allowHttp(): RawNetworkPolicy {
  const ports = [{ protocol: "TCP", port: "http" }];
  return networkPolicy({ policyTypes: ["Ingress"], ingress: [{ ports }] });
}

function clusterPolicy(spec: Omit<RawClusterPolicy["spec"], "priority" | "subject">): RawClusterPolicy {
  const subject = { namespaces: {} };
  return { metadata: { name: "c1" }, spec: { priority: 0, subject, ...spec } };
}

interface Contents {
  readonly policies?: readonly RawNetworkPolicy[];
  readonly clusterPolicies?: readonly RawClusterPolicy[];
  /** Of the server, each in a container of its own. */
  readonly ports?: readonly RawContainerPort[];
  readonly sidecarPorts?: readonly RawContainerPort[];
}

/** A server and a client on one node. */
function clusterOf({
  policies = [],
  clusterPolicies = [],
  ports = [],
  sidecarPorts = [],
}: Contents): RawCluster {
  const containers = ports.map((port) => ({ ports: [port] }));
  const initContainers = [{ restartPolicy: "Always", ports: sidecarPorts }];
  const pod = (
    app: string,
    ip: string,
    spec: Pick<RawPod["spec"], "containers" | "initContainers">,
  ): RawPod => ({
    metadata: { namespace: "alpha", name: app, labels: { app } },
    spec: { nodeName: HERE, hostNetwork: false, ...spec },
    status: { phase: "Running", podIPs: [{ ip }] },
  });
  return {
    namespaces: { alpha: {} },
    nodes: [],
    pods: [
      pod("server", SERVER, { containers, initContainers }),
      pod("client", CLIENT, { containers: [], initContainers: [] }),
    ],
    policies,
    clusterPolicies,
  };
}
