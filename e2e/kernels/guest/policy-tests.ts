import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { formatObjects } from "../../../agent/testing/kube/format-objects.ts";
import { askMirror, MIRROR_PORT, startMirror } from "../../lib/mirror.ts";
import { waitUntilHolds } from "../../lib/wait-for.ts";
import type { LabNode } from "../../nodes/cluster-lab.ts";
import { attachPod, type LabPod } from "../../nodes/lab-pod.ts";

const BUSYBOX = "/usr/bin/busybox";
const WITHIN = { timeoutMs: 60_000, intervalMs: 50 };
const BOTH_FAMILIES = ["IPv4", "IPv6"];

const CLOSED = { podSelector: { matchLabels: { app: "judged" } }, policyTypes: ["Ingress"] };
const OPEN_TO_CLIENTS = {
  ...CLOSED,
  ingress: [
    {
      from: [{ podSelector: { matchLabels: { app: "client" } } }],
      ports: [{ protocol: "TCP", port: MIRROR_PORT }],
    },
  ],
};

export interface PolicyTestsInput {
  readonly node: LabNode;
  /** Objects that its agent follows. */
  readonly objectsFile: string;
  /** Their pods ask a pod of `node`. */
  readonly others: readonly LabNode[];
  /** For files. */
  readonly folder: string;
}

/** Registers tests of network policies, which the agent reads from a file. */
export function testPolicies({ node, objectsFile, others, folder }: PolicyTestsInput): void {
  test("a policy isolates a pod of its node, of a neighbour and behind VXLAN, another lets them in, and denied again they are kept out", async () => {
    // Pods of its own node the agent knows by the name that the runtime passes, all others by the addresses
    // of their objects.
    const near = await attachPod(node, { name: "guest-near", args: argsOf(`client-${node.name}`) });
    const far = others.map(({ name, pods: [, pod] }) => ({ name, pod }));
    const clients = [{ name: node.name, pod: near }, ...far];
    const write = (...specs: readonly object[]): void => {
      const policies = specs.map((spec, index) => objectOf("NetworkPolicy", `policy-${index}`, { spec }));
      writeFileSync(objectsFile, formatObjects([...clusterOf(node, clients), ...policies]));
    };
    write();
    const judged = await attachPod(node, { name: "guest-judged", args: argsOf("judged") });
    const mirror = await startMirror("judged", judged.netns.enter, folder);
    const all = clients.flatMap(({ name }) => BOTH_FAMILIES.map((family) => `${name} ${family}`));
    const become = (expected: readonly string[]): Promise<void> =>
      waitUntilHolds(
        "the verdict",
        async () => assert.deepEqual(await findReaching(judged, clients), expected),
        WITHIN,
      );
    await become(all);
    write(CLOSED);
    await become([]);
    write(CLOSED, OPEN_TO_CLIENTS);
    await become(all);
    write(CLOSED);
    await become([]);
    await mirror.stop();
    await judged.remove();
    await near.remove();
  });
}

interface Client {
  /** Of its node. */
  readonly name: string;
  readonly pod: LabPod;
}

function argsOf(pod: string): string {
  return `K8S_POD_NAMESPACE=default;K8S_POD_NAME=${pod}`;
}

function objectOf(kind: string, name: string, rest: object): object {
  return { kind, metadata: { name, namespace: "default", labels: { app: "client" } }, ...rest };
}

function clusterOf(node: LabNode, clients: readonly Client[]): readonly object[] {
  return [
    { kind: "Namespace", metadata: { name: "default" } },
    {
      kind: "Pod",
      metadata: { name: "judged", namespace: "default", labels: { app: "judged" } },
      spec: { nodeName: node.name },
    },
    ...clients.map(({ name, pod }) =>
      objectOf("Pod", `client-${name}`, {
        spec: { nodeName: name },
        status: { podIPs: pod.addresses.map((ip) => ({ ip })) },
      }),
    ),
  ];
}

/** Which clients get an answer of the pod, and over which family. */
async function findReaching({ addresses }: LabPod, clients: readonly Client[]): Promise<readonly string[]> {
  const asked = clients.flatMap(({ name, pod }) =>
    addresses.map(async (address, index) => {
      const answer = await askMirror(BUSYBOX, pod.netns.enter, address).catch(() => "");
      return answer === pod.addresses[index] ? [`${name} ${BOTH_FAMILIES[index]}`] : [];
    }),
  );
  return (await Promise.all(asked)).flat();
}
