import assert from "node:assert/strict";
import { test } from "node:test";
import { type Attachment, formatAlias, MAX_ALIAS_LENGTH, parseAlias, parseAttachment } from "./attachment.ts";
import { podIdentity } from "./names/pod-identity.ts";
import { planPodNetwork } from "./pod-network.ts";

const attachment: Attachment = {
  network: "causeway",
  containerId: "2ae73799732f",
  ifname: "eth0",
  addresses: ["10.244.1.5", "fd00:10:244:1::5"],
};

test("parseAlias() reads what formatAlias() wrote", () => {
  assert.equal(formatAlias(attachment), "causeway 1 causeway 2ae73799732f eth0 10.244.1.5,fd00:10:244:1::5");
  assert.deepEqual(parseAlias(formatAlias(attachment)), attachment);
});

test("parseAlias() reads the pod's name that formatAlias() wrote, and formatAlias() cuts one that the kernel would not keep", () => {
  const named = { ...attachment, pod: { namespace: "kube-system", name: "coredns-7c65d6cfc9-x2x5t" } };
  assert.equal(formatAlias(named), `${formatAlias(attachment)} kube-system/coredns-7c65d6cfc9-x2x5t`);
  assert.deepEqual(parseAlias(formatAlias(named)), named);
  const long = formatAlias({ ...attachment, pod: { namespace: "team", name: "x".repeat(253) } });
  assert.equal(long.length, MAX_ALIAS_LENGTH);
  assert.match(parseAlias(long)?.pod?.name ?? "", /^x{100,}~$/);
});

const UID = "8f14e45f-ceea-467f-a8f2-6f1c0c1f9d3a";
const LONGEST = { namespace: "n".repeat(63), name: `${"p".repeat(249)}.x-0`, uid: UID };

for (const { name, pod, containerId = "0".repeat(64), network = "causeway" } of [
  { name: "a short name", pod: { namespace: "shop", name: "cart-0", uid: UID } },
  { name: "the longest names that Kubernetes allows", pod: LONGEST },
  { name: "the longest names beside the longest container ID", pod: LONGEST, containerId: "c".repeat(100) },
  { name: "an alias with no room for a namespace", pod: LONGEST, network: "n".repeat(110) },
  { name: "a name without UID", pod: { namespace: "n".repeat(63), name: "p".repeat(253) } },
  { name: "a static pod's UID", pod: { namespace: "kube-system", name: "etcd-a", uid: "0".repeat(32) } },
]) {
  test(`parseAttachment() reads namespace, name and UID back exactly: ${name}`, () => {
    const { host, attachment: planned } = planPodNetwork({
      network,
      containerId,
      ifname: "eth0",
      pod,
      mtu: 1500,
      addresses: [
        { family: 4, address: "10.244.100.250", gateway: "10.244.100.1" },
        { family: 6, address: "fd00:10:244:1::ffff", gateway: "fd00:10:244:1::1" },
      ],
    });
    const altNames = [...host.altNames, ...(host.uidName === undefined ? [] : [host.uidName])];
    // dev_valid_name() of net/core/dev.c, and ALTIFNAMSIZ of linux/if.h less the NUL.
    for (const altName of altNames) assert.match(altName, /^[^/:\s]{1,127}$/);
    assert.ok(host.alias.length <= MAX_ALIAS_LENGTH);
    const { settings: _, ...want } = planned;
    // The kernel gives the newest name first.
    const link = { name: host.link, alias: host.alias, altNames: altNames.toReversed() };
    assert.deepEqual(parseAttachment(link), want);
  });
}

test("parseAttachment() takes no name for exact that lacks a part which somebody has removed", () => {
  const { host } = planPodNetwork({
    ...attachment,
    pod: LONGEST,
    mtu: 1500,
    addresses: [{ family: 4, address: "10.244.1.2", gateway: "10.244.1.1" }],
  });
  for (const removed of host.altNames) {
    const altNames = host.altNames.filter((altName) => altName !== removed);
    const pod = parseAttachment({ name: host.link, alias: host.alias, altNames })?.pod;
    assert.match(pod?.name ?? "", /~$/, removed);
  }
});

test("parseAttachment() reads links of the release before, which has no UID and cuts long names", () => {
  const alias = formatAlias(attachment);
  const whole = { name: "cwabcdefghijklm", alias: `${alias} shop/cart-0`, altNames: [] };
  assert.deepEqual(parseAttachment(whole), { ...attachment, pod: { namespace: "shop", name: "cart-0" } });
  const cut = { ...whole, alias: `${alias} shop/cart~` };
  assert.deepEqual(parseAttachment(cut)?.pod, { namespace: "shop", name: "cart~" });
});

for (const { namespace, name } of [
  { namespace: "a b", name: "c" },
  { namespace: "team", name: "" },
  { namespace: "", name: "pod" },
  { namespace: "team", name: "<b>" },
  { namespace: "team", name: "po\nd" },
  { namespace: "te.am", name: "pod" },
]) {
  test(`podIdentity() refuses ${JSON.stringify({ namespace, name })}, which Kubernetes does not allow`, () => {
    assert.equal(podIdentity({ namespace, name }), undefined);
  });
}

test("podIdentity() leaves out a UID that no device name can hold", () => {
  assert.deepEqual(podIdentity({ namespace: "a", name: "b", uid: "x/y" }), { namespace: "a", name: "b" });
});

for (const alias of [
  "",
  "causeway",
  "uplink",
  "causeway 2 n c eth0 10.0.0.2",
  "causeway 1 n c eth0",
  "causeway 1 n c eth0 a b",
  "causeway 1 n c eth0 a b/c d",
]) {
  test(`parseAlias() leaves the link with alias ${JSON.stringify(alias)} to its owner`, () => {
    assert.equal(parseAlias(alias), undefined);
  });
}
