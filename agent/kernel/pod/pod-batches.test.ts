import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addressFromBytes } from "../../net/address.ts";
import { encodeBatch, numberRequests, type Requests } from "../../netlink/message/message.ts";
import { planPodNetwork } from "../../plan/pods/pod-network.ts";
import { NO_SETTINGS } from "../../plan/pods/pod-settings.ts";
import { createPodEncoder, type PodBatches } from "./pod-batches.ts";
import { podRequests, type PodRequestsInput } from "./pod-requests.ts";

const u32 = fc.integer({ min: 1, max: 0x7fffffff });
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const ipv4 = bytes(4).map(addressFromBytes);
const ipv6 = bytes(16).map((raw) => addressFromBytes(raw.fill(0x20, 0, 1)));
const gateways = { 4: "10.244.1.1", 6: "fd00:1::1" } as const;

const addresses = fc.oneof(
  ipv4.map((address) => [{ family: 4 as const, address, gateway: gateways[4] }]),
  ipv6.map((address) => [{ family: 6 as const, address, gateway: gateways[6] }]),
  fc.tuple(ipv4, ipv6).map(([four, six]) => [
    { family: 4 as const, address: four, gateway: gateways[4] },
    { family: 6 as const, address: six, gateway: gateways[6] },
  ]),
);

const plan = fc
  .record({
    network: fc.constantFrom("causeway", "a"),
    containerId: fc.stringMatching(/^[a-f0-9]{1,64}$/),
    ifname: fc.constantFrom("eth0", "net1"),
    mtu: fc.constantFrom(1450, 1500),
    addresses,
    pod: fc.constantFrom(
      undefined,
      { namespace: "a", name: "b" },
      { namespace: "shop", name: "cart-0", uid: "8f14e45f-ceea-467f-a8f2-6f1c0c1f9d3a" },
      { namespace: "kube-system", name: "etcd-a", uid: "0123456789abcdef0123456789abcdef" },
    ),
  })
  .map((input) => planPodNetwork(input));

const pods: fc.Arbitrary<PodRequestsInput> = fc.record({
  plan,
  linkIndex: u32,
  podLinkIndex: u32,
  ifbIndex: fc.constant(0),
  bridgeIndex: fc.constantFrom(1, 7, 300),
  netns: u32,
  hasIpv6: fc.boolean(),
  bornMs: fc.nat(),
});

/** What is sent: numbered through from 1 in each batch. */
function sent(requests: Requests): string {
  const encoded = "bytes" in requests ? numberRequests(requests, 1) : encodeBatch(requests, 1);
  return encoded.toString("hex");
}

function batchesOf(input: PodRequestsInput): PodBatches {
  const { routes, ...parts } = podRequests(input);
  return { ...parts, routes: routes.flatMap(({ toGateway, byDefault }) => [toGateway, byDefault]) };
}

const PARTS = ["admit", "create", "host", "pod", "routes"] as const;

test("createPodEncoder() encodes by template what encoding the requests one by one gives, to the byte", () => {
  const encodePod = createPodEncoder();
  fc.assert(
    fc.property(pods, (input) => {
      const [given, want] = [encodePod(input), batchesOf(input)];
      for (const part of PARTS) {
        assert.ok("bytes" in given[part], "by template");
        assert.equal(sent(given[part]), sent(want[part]), part);
        assert.deepEqual(given[part].requests(), want[part], "in words");
      }
    }),
  );
});

test("createPodEncoder() does not mix up pods of one kind that are encoded before the first is sent", () => {
  const encodePod = createPodEncoder();
  const [first, second] = [1, 2].map(
    (number): PodRequestsInput => ({
      plan: planPodNetwork({
        network: "causeway",
        containerId: `c${number}`,
        ifname: "eth0",
        mtu: 1500,
        addresses: [{ family: 4, address: `10.244.1.${number + 1}`, gateway: gateways[4] }],
      }),
      linkIndex: 10 * number,
      podLinkIndex: 10 * number + 1,
      ifbIndex: 0,
      bridgeIndex: 3,
      netns: number,
      hasIpv6: true,
      bornMs: 5,
    }),
  );
  assert.ok(first !== undefined && second !== undefined);
  const [one, two] = [encodePod(first), encodePod(second)];
  for (const part of PARTS) {
    assert.equal(sent(one[part]), sent(batchesOf(first)[part]), part);
    assert.equal(sent(two[part]), sent(batchesOf(second)[part]), part);
  }
});

test("createPodEncoder() encodes a pod with host ports, limits or a long name from its requests", () => {
  const limit = { rate: 125_000, burst: 10_000 };
  const hostPort = { hostPort: 80, containerPort: 8080, protocol: "tcp", hostIp: undefined } as const;
  for (const settings of [
    { ...NO_SETTINGS, hostPorts: [hostPort] },
    { ...NO_SETTINGS, bandwidth: { ingress: limit, egress: undefined } },
    { ...NO_SETTINGS, bandwidth: { ingress: undefined, egress: limit } },
    NO_SETTINGS,
  ]) {
    const input: PodRequestsInput = {
      plan: planPodNetwork({
        network: "causeway",
        containerId: "c1",
        ifname: "eth0",
        mtu: 1500,
        settings,
        pod: { namespace: "shop", name: settings === NO_SETTINGS ? "p".repeat(253) : "cart-0", uid: "u-1" },
        addresses: [{ family: 4, address: "10.244.1.2", gateway: gateways[4] }],
      }),
      linkIndex: 10,
      podLinkIndex: 11,
      ifbIndex: 12,
      bridgeIndex: 3,
      netns: 5,
      hasIpv6: true,
      bornMs: 5,
    };
    assert.deepEqual(createPodEncoder()(input), batchesOf(input));
  }
});
