/**
 * One of two nodes on a cable, each a guest with a kernel of its own: pods of one and of the other, directly,
 * by VXLAN and by WireGuard. Both guests run this file, and each asks the other.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { formatObjects } from "../../../agent/testing/kube/format-objects.ts";
import { startDeviceReader, waitForKey } from "../../encryption/device-reader.ts";
import { DEVICE } from "../../encryption/encrypted-lab.ts";
import { askMirror, MIRROR_PORT, startMirror } from "../../lib/mirror.ts";
import { waitUntilHolds } from "../../lib/wait-for.ts";
import { attachPod, type LabPod } from "../../nodes/lab-pod.ts";
import { findUnreachable, mtuOf } from "../../nodes/reach.ts";
import { countFrames, readFrames } from "./frames.ts";
import { run, SOCKET, startNode } from "./guest-node.ts";
import { meetPartner } from "./partner.ts";

const BUSYBOX = "/usr/bin/busybox";
/** The other guest may get no turn for minutes. */
const WITHIN = { timeoutMs: 300_000, intervalMs: 100 };
const folder = process.env["CAUSEWAY_E2E_FOLDER"] ?? "";
const [nodesFile, objectsFile] = [`${folder}/nodes.yaml`, `${folder}/objects.yaml`];

const own = Number(/causeway\.node=(\d)/.exec(readFileSync("/proc/cmdline", "utf8"))?.[1]);
const other = 3 - own;
const addressesOf = (node: number): [string, string] => [`192.0.2.${node}`, `2001:db8::${node}`];
run(
  `modprobe -a virtio_pci virtio_net; ip link set eth0 name up0; ${addressesOf(own)
    .map((address) => `ip address add ${address}${address.includes(":") ? "/64 nodad" : "/24"} dev up0`)
    .join(
      "; ",
    )}; ip link set up0 up; ip route add default via 192.0.2.254; ip route add default via 2001:db8::fe`,
);
const partner = meetPartner(addressesOf(own)[0], addressesOf(other)[0]);
after(partner.close);
const host = { netns: { name: "", enter: [] }, socket: SOCKET };
const ENCRYPTED = "--encryption-type wireguard --encryption-require true".split(" ");
for (const cidr of ["10.244.0.0/16", "fd00:10:244::/48"]) ENCRYPTED.push("--cluster-cidr", cidr);
const WAYS = [
  { name: "directly", flags: ["--overlay", "never"], carrier: "pods" },
  { name: "by VXLAN", flags: ["--overlay", "always"], carrier: "vxlan" },
  {
    name: "by WireGuard",
    flags: ENCRYPTED,
    carrier: "wireguard",
  },
] as const;

/** What the other guest tells of its pods: both addresses of each. */
type Pods = Readonly<Record<"server" | "client" | "stranger", readonly [string, string]>>;

for (const { name, flags, carrier } of WAYS) {
  test(`pods of two kernels, ${name}`, async (t) => {
    writeNodes();
    writeFileSync(objectsFile, formatObjects([namespace()]));
    const files = ["--nodes-file", nodesFile, "--objects-file", objectsFile];
    const node = await startNode([...files, "--node-name", `n${own}`, ...flags]);
    if (carrier === "wireguard") {
      const publicKey = await readKey();
      writeNodes({ [own]: publicKey, [other]: await partner.exchange("key", publicKey) });
    }
    const pods = {
      server: await attach("server"),
      client: await attach("client"),
      stranger: await attach("stranger"),
    };
    const mirror = await startMirror("mirror", pods.server.netns.enter, folder);
    const ours = addressesIn(pods);
    const theirs = JSON.parse(await partner.exchange(`${carrier}-pods`, JSON.stringify(ours))) as Pods;
    countFrames();

    await t.test(
      `${name} they reach each other in both families, also with packets as large as their MTU`,
      async () => {
        const packetBytes = await mtuOf(pods.client);
        const from = { from: "client", netns: pods.client.netns };
        const ways = theirs.server.flatMap((target) => [
          { ...from, target },
          { ...from, target, packetBytes },
        ]);
        await waitUntilHolds("pings", async () => assert.deepEqual(await findUnreachable(ways), []), WITHIN);
      },
    );

    await t.test(`${name} a server sees the other pod's own addresses`, () =>
      becomes(pods, theirs, { client: true, stranger: true }),
    );

    await t.test(`${name}: nothing of pods comes in any other way`, async () => {
      const { [carrier]: carried, ...others } = readFrames();
      assert.ok(carried > 0);
      assert.deepEqual(Object.values(others), [0, 0]);
    });

    await t.test(`${name} a policy lets one pod of the other kernel in, and keeps another out`, async () => {
      await partner.exchange(`${carrier}-open`, "");
      writeFileSync(objectsFile, formatObjects([namespace(), ...closedBy({ [own]: ours, [other]: theirs })]));
      await becomes(pods, theirs, { client: true, stranger: false });
    });

    await partner.exchange(`${carrier}-end`, "");
    await mirror.stop();
    for (const pod of Object.values(pods)) await pod.remove();
    await node.stop();
  });
}

/** Both nodes, with their keys for encryption where they are known. */
function writeNodes(keys: Readonly<Record<number, string>> = {}): void {
  const nodes = [1, 2].map((node) => {
    const publicKey = keys[node];
    const wireguard = publicKey === undefined ? undefined : { publicKey, port: 51_820 };
    const podCIDRs = [`10.244.${node}.0/24`, `fd00:10:244:${node}::/64`];
    return { name: `n${node}`, addresses: addressesOf(node), podCIDRs, wireguard };
  });
  writeFileSync(nodesFile, JSON.stringify(nodes));
}

/** The key that this node's agent has made. */
async function readKey(): Promise<string> {
  const reader = startDeviceReader(host.netns);
  const { publicKey } = await waitForKey(reader, DEVICE, WITHIN);
  await reader.close();
  return publicKey;
}

function attach(name: string): Promise<LabPod> {
  return attachPod(host, { name, args: `K8S_POD_NAMESPACE=default;K8S_POD_NAME=${name}-${own}` });
}

function addressesIn(pods: Readonly<Record<keyof Pods, LabPod>>): Pods {
  const { server, client, stranger } = pods;
  return { server: server.addresses, client: client.addresses, stranger: stranger.addresses };
}

/** Waits until pods of this guest get an answer of the other's server, or get none, in both families. */
async function becomes(
  pods: Readonly<Record<"client" | "stranger", LabPod>>,
  { server }: Pods,
  expected: Readonly<Record<"client" | "stranger", boolean>>,
): Promise<void> {
  const verdicts = async (): Promise<void> => {
    for (const from of ["client", "stranger"] as const) {
      const { netns, addresses } = pods[from];
      const seen = server.map((target) =>
        askMirror(BUSYBOX, netns.enter, target, MIRROR_PORT).catch(() => ""),
      );
      assert.deepEqual(await Promise.all(seen), expected[from] ? addresses : ["", ""], from);
    }
  };
  await waitUntilHolds("the verdicts", verdicts, WITHIN);
}

function namespace(): object {
  return { kind: "Namespace", metadata: { name: "default" } };
}

/** All pods of both nodes, and a policy for the servers. */
function closedBy(pods: Readonly<Record<number, Pods>>): readonly object[] {
  const pod = (app: string, node: string, ips: readonly string[]): object => ({
    kind: "Pod",
    metadata: { name: `${app}-${node}`, namespace: "default", labels: { app } },
    spec: { nodeName: `n${node}` },
    status: { podIPs: ips.map((ip) => ({ ip })) },
  });
  const select = (app: keyof Pods): object => ({ podSelector: { matchLabels: { app } } });
  const policy = {
    kind: "NetworkPolicy",
    metadata: { name: "clients-only", namespace: "default" },
    spec: { ...select("server"), policyTypes: ["Ingress"], ingress: [{ from: [select("client")] }] },
  };
  const all = Object.entries(pods).flatMap(([node, ofNode]) =>
    Object.entries(ofNode).map(([app, ips]) => pod(app, node, ips)),
  );
  return [...all, policy];
}
