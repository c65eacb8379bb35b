import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostPort } from "../plan/pods/host-ports.ts";
import { createHostPortTable } from "./host-port-table.ts";

function port(hostPort: number, hostIp?: string, protocol: HostPort["protocol"] = "tcp"): HostPort {
  return { protocol, hostPort, containerPort: 80, hostIp };
}

test("reserve() tells who has a port, and takes nothing of a list with one that is taken", () => {
  const table = createHostPortTable();
  assert.equal(table.reserve("cwa", [port(80), port(81)]), undefined);
  assert.deepEqual(table.reserve("cwb", [port(82), port(81)]), { port: "tcp *:81", hostLink: "cwa" });
  assert.equal(table.reserve("cwc", [port(82)]), undefined);
});

for (const { name, first, second, isConflict } of [
  { name: "the same address", first: port(80, "192.0.2.1"), second: port(80, "192.0.2.1"), isConflict: true },
  { name: "two addresses", first: port(80, "192.0.2.1"), second: port(80, "192.0.2.2"), isConflict: false },
  { name: "one address and all", first: port(80, "192.0.2.1"), second: port(80), isConflict: true },
  { name: "all of both families and all of one", first: port(80), second: port(80, "::"), isConflict: true },
  { name: "all of each family", first: port(80, "0.0.0.0"), second: port(80, "::"), isConflict: false },
  { name: "two protocols", first: port(80), second: port(80, undefined, "udp"), isConflict: false },
]) {
  test(`reserve() ${isConflict ? "refuses" : "allows"} ${name}`, () => {
    const table = createHostPortTable();
    table.reserve("cwa", [first]);
    assert.equal(table.reserve("cwb", [second]) !== undefined, isConflict);
  });
}

test("release() frees the ports of one attachment and no other's, as often as called", () => {
  const table = createHostPortTable();
  table.reserve("cwa", [port(80, "192.0.2.1"), port(81)]);
  table.reserve("cwb", [port(80, "192.0.2.2")]);
  table.release("cwa");
  table.release("cwa");
  assert.equal(table.reserve("cwc", [port(80, "192.0.2.1"), port(81)]), undefined);
  assert.equal(table.reserve("cwd", [port(80, "192.0.2.2")])?.hostLink, "cwb");
});

test("reserve() of ports that the attachment has already is no conflict: it was adopted a moment ago", () => {
  const table = createHostPortTable();
  table.reserve("cwa", [port(80)]);
  assert.equal(table.reserve("cwa", [port(80)]), undefined);
  table.release("cwa");
  assert.equal(table.reserve("cwb", [port(80)]), undefined);
});
