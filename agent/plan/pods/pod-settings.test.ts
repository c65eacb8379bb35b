import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PROTOCOLS } from "./host-ports.ts";
import { formatBirthName, parseBirthName } from "./names/birth-name.ts";
import { formatAltNames, NO_SETTINGS, parseAltNames, type PodSettings } from "./pod-settings.ts";

const HOST_LINK = "cwabcdefghijklm";

const settings: PodSettings = {
  hostPorts: [
    { protocol: "tcp", hostPort: 8080, containerPort: 80, hostIp: undefined },
    { protocol: "udp", hostPort: 53, containerPort: 5353, hostIp: "192.0.2.1" },
    { protocol: "sctp", hostPort: 9, containerPort: 9, hostIp: "fd00::1" },
  ],
  bandwidth: { ingress: { rate: 1_000_000, burst: 4_294_967_295 }, egress: undefined },
  anySource: true,
};

test("formatAltNames() writes one readable name for each setting", () => {
  assert.deepEqual(formatAltNames(HOST_LINK, settings), [
    "cwabcdefghijklm.tcp.8080.80",
    "cwabcdefghijklm.udp.53.5353.192.0.2.1",
    "cwabcdefghijklm.sctp.9.9.fd00--1",
    "cwabcdefghijklm.in.1000000.4294967295",
    "cwabcdefghijklm.anysource",
  ]);
  assert.deepEqual(formatAltNames(HOST_LINK, NO_SETTINGS), []);
});

const plain = { noNullPrototype: true } as const;
const limit = fc.record(
  { rate: fc.integer({ min: 1000, max: 10 ** 15 }), burst: fc.integer({ min: 1, max: 2 ** 35 - 1 }) },
  plain,
);
const hostPort = fc.record(
  {
    protocol: fc.constantFrom(...PROTOCOLS),
    hostPort: fc.integer({ min: 1, max: 65_535 }),
    containerPort: fc.integer({ min: 1, max: 65_535 }),
    hostIp: fc.constantFrom(undefined, "0.0.0.0", "::", "127.0.0.1", "192.0.2.255", "2001:db8::ff00:42:8329"),
  },
  plain,
);

test("parseAltNames() reads back what formatAltNames() wrote, in names that the kernel takes", () => {
  const direction = fc.option(limit, { nil: undefined });
  const bandwidth = fc.record({ ingress: direction, egress: direction }, plain);
  const hostPorts = fc.array(hostPort, { maxLength: 8 });
  const any = fc.record({ hostPorts, bandwidth, anySource: fc.boolean() }, plain);
  fc.assert(
    fc.property(any, (all) => {
      const names = formatAltNames(HOST_LINK, all);
      assert.deepEqual(parseAltNames(HOST_LINK, names), all);
      // dev_valid_name() of net/core/dev.c, and ALTIFNAMSIZ of linux/if.h less the NUL.
      for (const name of names) assert.match(name, /^[^/:\s]{1,127}$/);
    }),
  );
});

for (const name of [
  "enp3s0",
  "cwabcdefghijklm",
  "cwabcdefghijklm.",
  "cwabcdefghijklm.tcp",
  "cwabcdefghijklm.tcp.80",
  "cwabcdefghijklm.tcp.x.80",
  "cwabcdefghijklm.tcp.8080.80.1.2.3",
  "cwabcdefghijklm.icmp.1.1",
  "cwabcdefghijklm.owntable4",
  "cwzzzzzzzzzzzzz.tcp.8080.80",
])
  test(`parseAltNames() passes over "${name}"`, () => {
    assert.deepEqual(parseAltNames(HOST_LINK, [name]), NO_SETTINGS);
  });

const BORN = "cw6u7qfm575feue";

test("parseBirthName() reads what formatBirthName() wrote, among other names", () => {
  const name = formatBirthName(BORN, 12_345.9);
  assert.equal(name, "cw6u7qfm575feue.since.000000012345");
  assert.equal(parseBirthName(BORN, [`${BORN}.tcp.8080.80`, name]), 12_345);
});

for (const name of ["cwother.since.000000012345", `${BORN}.since.`, `${BORN}.since.soon`, `${BORN}.in.1.2`])
  test(`parseBirthName() does not take "${name}" for a time`, () => {
    assert.equal(parseBirthName(BORN, [name]), undefined);
  });
