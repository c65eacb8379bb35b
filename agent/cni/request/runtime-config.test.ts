import assert from "node:assert/strict";
import { test } from "node:test";
import { CniError } from "../cni-error.ts";
import { parseCniArgs, parseRuntimeConfig, podNameOf } from "./runtime-config.ts";

for (const { name, raw, args = "", addresses, mac } of [
  { name: "nothing", raw: {}, addresses: [], mac: undefined },
  {
    name: "capabilities",
    raw: { runtimeConfig: { ips: ["10.244.1.7/24", "fd00::7/64"], mac: "02-00-00-00-00-07" } },
    addresses: ["10.244.1.7", "fd00::7"],
    mac: "02:00:00:00:00:07",
  },
  {
    name: "capabilities as Go writes them",
    raw: { runtimeConfig: { IPs: ["10.244.1.7"] } },
    addresses: ["10.244.1.7"],
    mac: undefined,
  },
  {
    name: "args.cni",
    raw: { args: { cni: { ips: ["10.244.1.7"], mac: "02:00:00:00:00:07" } } },
    addresses: ["10.244.1.7"],
    mac: "02:00:00:00:00:07",
  },
  {
    name: "CNI_ARGS as podman sends them",
    raw: {},
    args: "IgnoreUnknown=1;K8S_POD_NAME=t2;MAC=02:00:00:00:00:07;IP=10.90.0.77",
    addresses: ["10.90.0.77"],
    mac: "02:00:00:00:00:07",
  },
  {
    name: "capabilities before CNI_ARGS",
    raw: { runtimeConfig: { ips: ["10.244.1.7"] } },
    args: "IP=10.244.1.8",
    addresses: ["10.244.1.7"],
    mac: undefined,
  },
  { name: "empty CNI_ARGS as unset", raw: {}, args: "IP=;MAC=", addresses: [], mac: undefined },
  {
    name: "null capabilities",
    raw: { runtimeConfig: { ips: null, mac: "" } },
    addresses: [],
    mac: undefined,
  },
]) {
  test(`parseRuntimeConfig() reads ${name}`, () => {
    const runtimeConfig = parseRuntimeConfig({ raw }, args);
    assert.deepEqual([...runtimeConfig.addresses.values()], addresses);
    assert.equal(runtimeConfig.mac, mac);
  });
}

for (const { raw, args = "", message } of [
  {
    raw: { runtimeConfig: { ips: "10.244.1.7" } },
    message: 'Cannot use runtimeConfig.ips "10.244.1.7": it is not a list',
  },
  {
    raw: { runtimeConfig: { ips: ["x"] } },
    message: 'Cannot use runtimeConfig.ips "x": it is not an IP address',
  },
  {
    raw: { args: { cni: { ips: ["10.0.0.1", "10.0.0.2"] } } },
    message: 'Cannot use args.cni.ips ["10.0.0.1","10.0.0.2"]: a pod has one IPv4 address',
  },
  {
    raw: {},
    args: "MAC=01:00:5e:00:00:01",
    message: 'Cannot use CNI_ARGS MAC "01:00:5e:00:00:01": it is not a unicast MAC address',
  },
  {
    raw: {},
    args: "MAC=00:00:00:00:00:00",
    message: 'Cannot use CNI_ARGS MAC "00:00:00:00:00:00": it is not a unicast MAC address',
  },
  {
    raw: { runtimeConfig: { mac: 7 } },
    message: "Cannot use runtimeConfig.mac 7: it is not a unicast MAC address",
  },
  { raw: { defaultRoute: "true" }, message: 'Cannot use defaultRoute "true": it must be true or false' },
  { raw: { defaultRoute: null }, message: "Cannot use defaultRoute null: it must be true or false" },
]) {
  test(`parseRuntimeConfig() refuses: ${message}`, () => {
    assert.throws(
      () => parseRuntimeConfig({ raw }, args),
      (error) => error instanceof CniError && error.code === 7 && error.message === message,
    );
  });
}

test("parseCniArgs() passes over what is no pair", () => {
  assert.deepEqual(
    [...parseCniArgs("A=1;;=2;B;C=x=y")],
    [
      ["A", "1"],
      ["C", "x=y"],
    ],
  );
});

test("parseRuntimeConfig() reads which pod it is, exactly, and no name that Kubernetes does not allow", () => {
  const podOf = (args: string) => parseRuntimeConfig({ raw: {} }, args).pod;
  const uid = "8f14e45f-ceea-467f-a8f2-6f1c0c1f9d3a";
  const [namespace, name] = ["n".repeat(63), "p".repeat(253)];
  assert.deepEqual(podOf(`K8S_POD_UID=${uid};K8S_POD_NAME=${name};K8S_POD_NAMESPACE=${namespace}`), {
    namespace,
    name,
    uid,
  });
  assert.deepEqual(podOf("K8S_POD_NAME=b;K8S_POD_NAMESPACE=a"), { namespace: "a", name: "b" });
  assert.equal(podOf("K8S_POD_NAME=t2"), undefined);
  assert.equal(podOf("K8S_POD_NAMESPACE=a;K8S_POD_NAME=x/y"), undefined);
});

for (const { args, want } of [
  {
    args: "K8S_POD_UID=u;IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=basic",
    want: "default/basic",
  },
  { args: "", want: undefined },
  { args: "garbage;;=;", want: undefined },
]) {
  test(`podNameOf() of ${JSON.stringify(args)} is ${want}`, () => {
    assert.equal(podNameOf(parseCniArgs(args)), want);
  });
}
