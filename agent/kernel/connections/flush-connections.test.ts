import assert from "node:assert/strict";
import { test } from "node:test";
import type { Connection } from "../../netlink/state/connection.ts";
import type { HostPort } from "../../plan/pods/host-ports.ts";
import { isAstray } from "./flush-connections.ts";

const nothing = Buffer.alloc(0);
const udp: Connection = {
  family: 4,
  protocol: 17,
  source: "192.0.2.1",
  destination: "192.0.2.10",
  destinationPort: 8080,
  replySource: "192.0.2.10",
  replyPort: 8080,
  mark: 0,
  key: { tuple: nothing, id: nothing, zone: undefined },
};
const tcp: Connection = { ...udp, protocol: 6 };
const port: HostPort = { protocol: "udp", hostPort: 8080, containerPort: 80, hostIp: undefined };
const local = new Set(["192.0.2.10", "192.0.2.11"]);

for (const { name, connection = udp, of = port, want } of [
  { name: "UDP to the node itself", want: true },
  { name: "UDP to the pod", connection: { ...udp, replySource: "10.244.1.2" }, want: false },
  { name: "UDP to a pod before it", connection: { ...udp, replySource: "10.244.1.9" }, want: true },
  { name: "UDP to another machine", connection: { ...udp, destination: "198.51.100.1" }, want: false },
  { name: "UDP to 127.0.0.1", connection: { ...udp, destination: "127.0.0.1" }, want: true },
  { name: "UDP to another port", connection: { ...udp, destinationPort: 8081 }, want: false },
  {
    name: "UDP to an address of the node that the port is not on",
    of: { ...port, hostIp: "192.0.2.11" },
    want: false,
  },
  { name: "another protocol", connection: tcp, want: false },
  {
    name: "TCP to a process of the node, which was there first",
    connection: tcp,
    of: { ...port, protocol: "tcp" as const },
    want: false,
  },
  {
    name: "TCP to a pod before it",
    connection: { ...tcp, replySource: "10.244.1.9" },
    of: { ...port, protocol: "tcp" as const },
    want: true,
  },
]) {
  test(`isAstray() takes ${name} for ${want ? "astray" : "right"}`, () => {
    assert.equal(isAstray(connection, { port: of, address: "10.244.1.2", local }), want);
  });
}
