import assert from "node:assert/strict";
import { test } from "node:test";
import { findHidden } from "./node-listeners.ts";

const BOTH = [4, 6] as const;

for (const [hostIp, address, families, want] of [
  [undefined, "0.0.0.0", BOTH, true],
  [undefined, "127.0.0.1", BOTH, true],
  [undefined, "192.0.2.10", BOTH, true],
  [undefined, "2001:db8::10", BOTH, true],
  [undefined, "2001:db8::10", [4], false],
  [undefined, "::", [4], true],
  [undefined, "::1", BOTH, false],
  ["0.0.0.0", "2001:db8::10", BOTH, false],
  ["0.0.0.0", "::", BOTH, true],
  ["::", "127.0.0.1", BOTH, false],
  ["192.0.2.10", "192.0.2.10", BOTH, true],
  ["192.0.2.10", "192.0.2.11", BOTH, false],
  ["192.0.2.10", "0.0.0.0", BOTH, true],
  ["2001:db8::10", "0.0.0.0", BOTH, false],
] as const) {
  test(`findHidden() of host port ${hostIp ?? "*"}, pod families ${families.join()}, and a program on ${address}: ${want}`, () => {
    const hostPort = { protocol: "tcp", hostPort: 8080, containerPort: 80, hostIp } as const;
    const listener = { address, port: 8080 };
    assert.equal(findHidden(hostPort, [listener], families), want ? listener : undefined);
    assert.equal(findHidden(hostPort, [{ address, port: 8081 }], families), undefined);
  });
}
