import assert from "node:assert/strict";
import { test } from "node:test";
import { type Attachment, formatAlias, MAX_ALIAS_LENGTH, parseAlias } from "./attachment.ts";

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
  const named = { ...attachment, podName: "kube-system/coredns-7c65d6cfc9-x2x5t" };
  assert.equal(formatAlias(named), `${formatAlias(attachment)} kube-system/coredns-7c65d6cfc9-x2x5t`);
  assert.deepEqual(parseAlias(formatAlias(named)), named);
  const long = formatAlias({ ...attachment, podName: `team/${"x".repeat(253)}` });
  assert.equal(long.length, MAX_ALIAS_LENGTH);
  assert.match(parseAlias(long)?.podName ?? "", /^team\/x{100,}~$/);
});

for (const podName of ["a b/c", "team/", "/pod", "team/<b>", "pod", "team/po\nd"]) {
  test(`formatAlias() leaves out the pod name ${JSON.stringify(podName)}, which Kubernetes does not allow`, () => {
    assert.equal(formatAlias({ ...attachment, podName }), formatAlias(attachment));
  });
}

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
