import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { host, makeNetns } from "../../testing/machine/netns.ts";
import { makeNode } from "../../testing/agent/agent-process.ts";

/** All of the host's namespace that an agent and its pods change, and what becomes of their packets. */
const STATE = `ip -br link; ip -br address; ip rule; ip -6 rule; ip route show table all; ip -6 route show table all
  ip neighbour; ip xfrm policy; nft list tables; cat /proc/sys/net/netfilter/nf_conntrack_count`;

const ISOLATED = `
{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: web, uid: u}, spec: {nodeName: node-1}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: shop, name: closed}, spec: {podSelector: {}}}
`;

test("a test node that is removed leaves nothing in the host's namespace, also of a pod whose own lives on: the next node took its host ports for used", async (context) => {
  await host(`ip link add up0 type veth peer name far0; for link in up0 far0; do ip link set $link addrgenmode none up; done
    ip address add 192.0.2.10/24 dev up0; ip route add default via 192.0.2.1`);
  context.after(() => host("ip link del up0"));
  const before = await host(STATE);
  const node = makeNode();
  context.after(() => node.remove());
  writeFileSync(
    node.nodesFile,
    JSON.stringify([
      { name: "node-1", addresses: ["192.0.2.10"], podCIDRs: ["10.244.1.0/24", "fd00:1::/64"] },
      { name: "near", addresses: ["192.0.2.11"], podCIDRs: ["10.244.2.0/24"] },
      { name: "far", addresses: ["203.0.113.7"], podCIDRs: ["10.244.3.0/24"] },
    ]),
  );
  const objects = join(node.folder, "objects.yaml");
  writeFileSync(objects, ISOLATED);
  const flags = ["--standalone", "--nodes-file", node.nodesFile, "--objects-file", objects];
  await node.start(...flags).waitUntilReady();
  const pod = await makeNetns();
  context.after(() => pod.remove());
  const { exitCode, stdout } = await node.call("ADD", {
    containerId: "lives-on",
    netns: pod.path,
    args: "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_UID=u",
    runtimeConfig: {
      portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp", hostIP: "127.0.0.1" }],
      bandwidth: { ingressRate: 8_000_000, ingressBurst: 8_000_000 },
    },
  });
  assert.equal(exitCode, 0, stdout);
  await pod.run("ping", "-c1", "-W1", "10.244.1.1");
  assert.notEqual(await host(STATE), before);
  await node.remove();
  assert.equal(await host(STATE), before);
});
