import assert from "node:assert/strict";
import { test } from "node:test";
import { describeBridgeNetfilter } from "./bridge-netfilter.ts";

for (const { name, values, want } of [
  { name: "nothing without the module", values: {}, want: [] },
  { name: "nothing while it is off", values: { "net/bridge/bridge-nf-call-iptables": "0" }, want: [] },
  {
    name: "what to set while it is on",
    values: { "net/bridge/bridge-nf-call-iptables": "1", "net/bridge/bridge-nf-call-ip6tables": "1" },
    want: [
      "br_netfilter is on: services do not reach pods of their client's own node; on the node run: " +
        "sysctl -w net.bridge.bridge-nf-call-iptables=0 && sysctl -w net.bridge.bridge-nf-call-ip6tables=0",
    ],
  },
]) {
  test(`describeBridgeNetfilter() says ${name}`, async () => {
    const known = new Map(Object.entries(values));
    const read = async (path: string): Promise<string> => {
      const value = known.get(path);
      if (value === undefined) throw new Error("ENOENT");
      return value;
    };
    assert.deepEqual(await describeBridgeNetfilter({ read }), want);
  });
}
