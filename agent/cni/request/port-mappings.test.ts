import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePortMappings } from "./port-mappings.ts";

const plain = { hostPort: 8080, containerPort: 80, protocol: "tcp" };
const parsed = { protocol: "tcp", hostPort: 8080, containerPort: 80, hostIp: undefined };

for (const { name, list, want } of [
  { name: "no capability", list: undefined, want: [] },
  { name: "an entry", list: [plain], want: [parsed] },
  { name: "an entry without protocol", list: [{ hostPort: 8080, containerPort: 80 }], want: [parsed] },
  {
    name: "keys and protocol as CRI-O writes them",
    list: [{ HostPort: 8080, ContainerPort: 80, Protocol: "TCP", HostIP: "" }],
    want: [parsed],
  },
  { name: "a container port that is not mapped", list: [{ ...plain, hostPort: 0 }], want: [] },
  {
    name: "a port of ::1, which maps nothing and is left to the node",
    list: [{ ...plain, hostIP: "::1" }],
    want: [],
  },
  { name: "an entry twice", list: [plain, plain], want: [parsed] },
  {
    name: "one port of two protocols and two addresses",
    list: [
      { ...plain, hostIP: "192.0.2.1" },
      { ...plain, hostIP: "2001:DB8:0::1" },
      { ...plain, protocol: "udp" },
      { ...plain, protocol: "sctp" },
    ],
    want: [
      { ...parsed, hostIp: "192.0.2.1" },
      { ...parsed, hostIp: "2001:db8::1" },
      { ...parsed, protocol: "udp" },
      { ...parsed, protocol: "sctp" },
    ],
  },
  {
    name: "one port of all addresses and of one, which leads elsewhere",
    list: [plain, { ...plain, hostIP: "192.0.2.1", containerPort: 81 }],
    want: [parsed, { ...parsed, hostIp: "192.0.2.1", containerPort: 81 }],
  },
  {
    name: "one port of all IPv4 addresses and of all addresses, which is one",
    list: [{ ...plain, hostIP: "0.0.0.0" }, plain, { ...plain, hostIP: "::" }],
    want: [parsed],
  },
  {
    name: "all addresses of each family apart",
    list: [
      { ...plain, hostIP: "0.0.0.0" },
      { ...plain, hostIP: "::", containerPort: 81 },
    ],
    want: [
      { ...parsed, hostIp: "0.0.0.0" },
      { ...parsed, hostIp: "::", containerPort: 81 },
    ],
  },
  {
    name: "an IPv4 address as an IPv6 socket has it",
    list: [{ ...plain, hostIP: "::ffff:192.0.2.1" }],
    want: [{ ...parsed, hostIp: "192.0.2.1" }],
  },
]) {
  test(`parsePortMappings() understands ${name}`, () => {
    assert.deepEqual(parsePortMappings(list), want);
  });
}

for (const { name, list, message } of [
  { name: "no list", list: {}, message: "Cannot use runtimeConfig.portMappings {}: it is not a list" },
  {
    name: "no object",
    list: [80],
    message: "Cannot use runtimeConfig.portMappings[0] 80: it is not an object",
  },
  {
    name: "a host port out of range",
    list: [plain, { ...plain, hostPort: 65_536 }],
    message: "Cannot use runtimeConfig.portMappings[1].hostPort 65536: a port is a number from 1 to 65535",
  },
  {
    name: "a container port of 0",
    list: [{ ...plain, containerPort: 0 }],
    message: "Cannot use runtimeConfig.portMappings[0].containerPort 0: a port is a number from 1 to 65535",
  },
  {
    name: "an unknown protocol",
    list: [{ ...plain, protocol: "dccp" }],
    message: 'Cannot use runtimeConfig.portMappings[0].protocol "dccp": supported values are tcp, udp, sctp',
  },
  {
    name: "a host address that is none",
    list: [{ ...plain, hostIP: "localhost" }],
    message: 'Cannot use runtimeConfig.portMappings[0].hostIP "localhost": it is not an address',
  },
  {
    name: "two container ports behind all addresses and all of one family",
    list: [plain, { ...plain, hostIP: "0.0.0.0", containerPort: 81 }],
    message:
      'Cannot use runtimeConfig.portMappings[1] {"hostPort":8080,"containerPort":81,"protocol":"tcp","hostIP":"0.0.0.0"}: tcp *:8080 is listed twice',
  },
  {
    name: "two container ports behind one host port",
    list: [plain, { ...plain, containerPort: 81 }],
    message:
      'Cannot use runtimeConfig.portMappings[1] {"hostPort":8080,"containerPort":81,"protocol":"tcp"}: tcp *:8080 is listed twice',
  },
]) {
  test(`parsePortMappings() refuses ${name}`, () => {
    assert.throws(() => parsePortMappings(list), { name: "CniError", code: 7, message });
  });
}

function ports(count: number, hostIP = ""): readonly object[] {
  return Array.from({ length: count }, (_, index) => ({
    hostPort: 10_000 + index,
    containerPort: 80,
    hostIP,
  }));
}

test("parsePortMappings() refuses more ports than the kernel keeps, with the reason and without a list of them", () => {
  assert.equal(parsePortMappings(ports(485)).length, 485);
  assert.throws(() => parsePortMappings(ports(486)), {
    code: 7,
    message:
      "Cannot use 486 host ports of runtimeConfig.portMappings: at most 485 fit in the alternative names of a pod's link",
  });
});

for (const { name, list } of [
  { name: "20,000 ports", list: ports(20_000) },
  { name: "20,000 ports of IPv6", list: ports(20_000, "2001:db8::1") },
  {
    name: "one port of 20,000 addresses",
    list: Array.from({ length: 20_000 }, (_, index) => {
      return { hostPort: 80, containerPort: 80, hostIP: `10.${index >> 8}.0.${index & 255}` };
    }),
  },
]) {
  test(`parsePortMappings() refuses a pod with ${name} before anybody else notices: it compares each with few`, () => {
    const before = process.cpuUsage();
    assert.throws(() => parsePortMappings(list), { code: 7, message: /^Cannot use 20000 host ports of / });
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 1e6, `${(user + system) / 1e3} ms of CPU`);
  });
}

test("parsePortMappings() abridges a value that would hide the cause", () => {
  const entry = { hostPort: 80, containerPort: 80, protocol: "x".repeat(1000) };
  assert.throws(() => parsePortMappings([entry]), /^CniError: Cannot use .{0,200}…: supported/);
});
