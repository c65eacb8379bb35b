import assert from "node:assert/strict";
import { test } from "node:test";
import { ensureIpv6Forwarding, type Sysctls } from "./ipv6-forwarding.ts";

const FORWARDING = "net/ipv6/conf/all/forwarding";
const ACCEPT_RA = "net/ipv6/conf/up0/accept_ra";

/** A /proc/sys in memory; the real one is under the kernel tests of ensureNode(). */
function sysctls(
  values: Readonly<Record<string, string>>,
  refusal?: string,
): Sysctls & { readonly written: string[] } {
  const written: string[] = [];
  return {
    written,
    async read(name) {
      const value = values[name];
      if (value === undefined) throw new Error(`ENOENT: no such file or directory, open '/proc/sys/${name}'`);
      return value;
    },
    async write(name, value) {
      if (refusal !== undefined) throw new Error(refusal);
      written.push(`${name}=${value}`);
    },
  };
}

for (const { name, values, written } of [
  {
    name: "does nothing when forwarding is on",
    values: { [FORWARDING]: "1", [ACCEPT_RA]: "1" },
    written: [],
  },
  {
    name: "turns forwarding on",
    values: { [FORWARDING]: "0", [ACCEPT_RA]: "0" },
    written: [`${FORWARDING}=1`],
  },
  {
    name: "keeps the default route that a router advertised: accept_ra=2 comes first (cilium/cilium#21819)",
    values: { [FORWARDING]: "0", [ACCEPT_RA]: "1" },
    written: [`${ACCEPT_RA}=2`, `${FORWARDING}=1`],
  },
]) {
  test(`ensureIpv6Forwarding() ${name}`, async () => {
    const machine = sysctls(values);
    const { changes, faults } = await ensureIpv6Forwarding(machine, ["up0"]);
    assert.deepEqual(faults, []);
    assert.equal(changes.length, written.length === 0 ? 0 : 1);
    assert.deepEqual(machine.written, written);
  });
}

test("ensureIpv6Forwarding() says precisely what to set where /proc/sys is read-only", async () => {
  const machine = sysctls(
    { [FORWARDING]: "0", [ACCEPT_RA]: "1" },
    "EROFS: read-only file system, open '/proc/sys'",
  );
  assert.deepEqual((await ensureIpv6Forwarding(machine, ["up0"])).faults, [
    "IPv6 forwarding is off and the agent may not set it (EROFS: read-only file system); on the node run: " +
      "sysctl -w net.ipv6.conf.up0.accept_ra=2 && sysctl -w net.ipv6.conf.all.forwarding=1",
  ]);
});

test("ensureIpv6Forwarding() says that a kernel has no IPv6", async () => {
  assert.deepEqual((await ensureIpv6Forwarding(sysctls({}), ["up0"])).faults, [
    `IPv6 is not usable on this node: cannot read ${FORWARDING} (ENOENT: no such file or directory)`,
  ]);
});
