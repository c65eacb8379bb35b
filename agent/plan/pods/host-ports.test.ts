import assert from "node:assert/strict";
import { test } from "node:test";
import {
  describeHostPort,
  formatPortElement,
  type HostPort,
  needsLocalnet,
  overlaps,
  planPortElements,
} from "./host-ports.ts";

const port = (more: Partial<HostPort> = {}): HostPort => {
  return { protocol: "tcp", hostPort: 8080, containerPort: 80, hostIp: undefined, ...more };
};

test("planPortElements() gives each port of each family to the pod, and the pair by which a pod reaches itself", () => {
  const elements = planPortElements({
    hostLink: "cwabcdefghijklm",
    containerId: "c1",
    addresses: ["10.244.1.5", "fd00::5"],
    hostPorts: [port(), port({ protocol: "udp", hostPort: 53, containerPort: 5353, hostIp: "192.0.2.1" })],
  });
  assert.deepEqual(
    elements.map((element) => `${element.set}: ${formatPortElement(element)}`),
    [
      'ports4: 6 . 8080 comment "cwabcdefghijklm c1" : 10.244.1.5 . 80',
      'addressports4: 192.0.2.1 . 17 . 53 comment "cwabcdefghijklm c1" : 10.244.1.5 . 5353',
      'hairpin4: 10.244.1.5 . 10.244.1.5 comment "cwabcdefghijklm c1"',
      'ports6: 6 . 8080 comment "cwabcdefghijklm c1" : fd00::5 . 80',
      'hairpin6: fd00::5 . fd00::5 comment "cwabcdefghijklm c1"',
    ],
  );
});

test("planPortElements() makes nothing of a family that no port is for, and cuts a comment that is too long", () => {
  const [element, hairpin, ...rest] = planPortElements({
    hostLink: "cwabcdefghijklm",
    containerId: "c".repeat(200),
    addresses: ["10.244.1.5", "fd00::5"],
    hostPorts: [port({ hostIp: "0.0.0.0" })],
  });
  assert.deepEqual([element?.set, hairpin?.set, rest], ["ports4", "hairpin4", []]);
  assert.equal(element?.comment.length, 127);
});

const pairs: readonly { a: Partial<HostPort>; b: Partial<HostPort>; want: boolean }[] = [
  { a: {}, b: {}, want: true },
  { a: {}, b: { containerPort: 81 }, want: true },
  { a: {}, b: { hostPort: 8081 }, want: false },
  { a: {}, b: { protocol: "udp" }, want: false },
  { a: {}, b: { hostIp: "192.0.2.1" }, want: true },
  { a: { hostIp: "0.0.0.0" }, b: { hostIp: "192.0.2.1" }, want: true },
  { a: { hostIp: "0.0.0.0" }, b: { hostIp: "::" }, want: false },
  { a: { hostIp: "::" }, b: {}, want: true },
  { a: { hostIp: "::" }, b: { hostIp: "192.0.2.1" }, want: false },
  { a: { hostIp: "192.0.2.1" }, b: { hostIp: "192.0.2.1" }, want: true },
  { a: { hostIp: "192.0.2.1" }, b: { hostIp: "192.0.2.2" }, want: false },
];
for (const { a, b, want } of pairs)
  test(`overlaps() of ${describeHostPort(port(a))} and ${describeHostPort(port(b))} to ${b.containerPort ?? 80} is ${want}`, () => {
    assert.equal(overlaps(port(a), port(b)), want);
    assert.equal(overlaps(port(b), port(a)), want);
  });

for (const [hostIp, want] of [
  [undefined, true],
  ["0.0.0.0", true],
  ["127.0.0.2", true],
  ["192.0.2.1", false],
  ["::", false],
] as const)
  test(`needsLocalnet() of a port on ${hostIp ?? "all addresses"} is ${want}`, () => {
    assert.equal(needsLocalnet(port({ hostIp })), want);
  });
