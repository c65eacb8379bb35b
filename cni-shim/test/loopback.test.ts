import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import { suite, test } from "node:test";
import { BUILDS } from "./builds.ts";
import { makeHost, type Netns } from "./network.ts";
import { assertSilentSuccess, errorOf, runShim, type ShimAnswer } from "./run-shim.ts";
import { makeScratch } from "./scratch.ts";

const VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

/** Runs the shim under the name "loopback", on a host with one pod. */
type Call = (
  command: string,
  options?: { netns?: string; stdin?: string; front?: readonly string[] },
) => Promise<ShimAnswer>;

async function withLoopback(
  shim: string,
  body: (call: Call, pod: Netns, host: Netns) => Promise<void>,
): Promise<void> {
  using scratch = makeScratch();
  await using host = await makeHost();
  const pod = await host.makePod();
  symlinkSync(shim, scratch.file("loopback"));
  const call: Call = (command, { netns = pod.path, stdin = configOf("0.3.1"), front = [] } = {}) =>
    runShim({
      command: [...host.enter, ...front, scratch.file("loopback")],
      environment: { CNI_COMMAND: command, CNI_CONTAINERID: "c1", CNI_NETNS: netns, CNI_IFNAME: "lo" },
      stdin,
    });
  await body(call, pod, host);
}

function configOf(cniVersion: string): string {
  return JSON.stringify({ cniVersion, name: "cni-loopback", type: "loopback" });
}

/** What the specification of that version wants of a result. */
function resultOf(cniVersion: string, sandbox: string, { ipv6 }: { ipv6: boolean }): unknown {
  const addresses = [
    { version: "4", address: "127.0.0.1/8" },
    ...(ipv6 ? [{ version: "6", address: "::1/128" }] : []),
  ];
  if (cniVersion < "0.3.0") {
    const ips = addresses.map(({ version, address }) => [`ip${version}`, { ip: address }]);
    return { cniVersion, ...Object.fromEntries(ips), dns: {} };
  }
  return {
    cniVersion,
    interfaces: [{ name: "lo", mac: "00:00:00:00:00:00", sandbox }],
    ips: addresses.map(({ version, address }) =>
      cniVersion < "1.0.0" ? { version, interface: 0, address } : { interface: 0, address },
    ),
    dns: {},
  };
}

async function isUp(netns: Netns): Promise<boolean> {
  const [lo] = JSON.parse(await netns.run("ip", "-j", "link", "show", "lo")) as [
    { readonly flags: readonly string[] },
  ];
  return lo.flags.includes("UP");
}

for (const { name, shim } of BUILDS) {
  suite(name, { concurrency: 2 }, () => {
    test("loopback ADD sets lo up and answers in the version that was asked", () =>
      withLoopback(shim, async (call, pod, host) => {
        assert.equal(await isUp(pod), false);
        for (const version of VERSIONS) {
          const answer = await call("ADD", { stdin: configOf(version) });
          assert.deepEqual([answer.exitCode, answer.stderr], [0, ""], answer.stdout);
          assert.deepEqual(JSON.parse(answer.stdout), resultOf(version, pod.path, { ipv6: true }));
          assert.equal(await isUp(pod), true);
        }
        assert.equal(await isUp(host), false, "the host's own lo");
        assert.match(
          await pod.run("ip", "address", "show", "lo"),
          /inet 127\.0\.0\.1\/8 [^]*inet6 ::1\/128 /,
        );
      }));

    test("loopback ADD answers in version 0.1.0 when none is asked, and whatever stands behind it", () =>
      withLoopback(shim, async (call, pod) => {
        const stdin = JSON.stringify({
          name: "n",
          prevResult: { cniVersion: "1.0.0", ips: [{ address: "10.0.0.1/8" }] },
        });
        assert.deepEqual(
          JSON.parse((await call("ADD", { stdin })).stdout),
          resultOf("0.1.0", pod.path, { ipv6: true }),
        );
      }));

    test("loopback ADD leaves ::1 out where IPv6 is disabled", () =>
      withLoopback(shim, async (call, pod) => {
        await pod.run("sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/lo/disable_ipv6");
        for (const version of VERSIONS) {
          const answer = await call("ADD", { stdin: configOf(version) });
          assert.deepEqual(JSON.parse(answer.stdout), resultOf(version, pod.path, { ipv6: false }));
        }
      }));

    test("loopback CHECK confirms that lo is up", () =>
      withLoopback(shim, async (call, pod) => {
        const error = errorOf(await call("CHECK"));
        assert.deepEqual([error.cniVersion, error.code], ["0.3.1", 5]);
        assert.equal(error.msg, `Cannot confirm link "lo" in CNI_NETNS "${pod.path}": it is down`);
        await call("ADD");
        assertSilentSuccess(await call("CHECK"));
      }));

    test("loopback DEL sets lo down, and succeeds whatever is there", () =>
      withLoopback(shim, async (call, pod, host) => {
        await host.run("ip", "link", "set", "lo", "up");
        await call("ADD");
        for (const netns of ["", "/var/run/netns/gone", "/", "/proc/self/ns/net"])
          assertSilentSuccess(await call("DEL", { netns }));
        assert.deepEqual([await isUp(pod), await isUp(host)], [true, true]);
        for (const stdin of [configOf("0.3.1"), "", "garbage"])
          assertSilentSuccess(await call("DEL", { stdin }));
        assert.deepEqual([await isUp(pod), await isUp(host)], [false, true]);
      }));

    test("loopback STATUS, GC and VERSION need nothing", () =>
      withLoopback(shim, async (call, pod) => {
        for (const command of ["STATUS", "GC"])
          assertSilentSuccess(await call(command, { netns: "", stdin: configOf("1.1.0") }));
        const version = JSON.parse(
          (await call("VERSION", { netns: "dummy", stdin: '{"cniVersion":"1.0.0"}' })).stdout,
        );
        assert.deepEqual(version, { cniVersion: "1.0.0", supportedVersions: VERSIONS });
        assert.equal(await isUp(pod), false);
      }));

    test("loopback ADD and CHECK refuse what they cannot serve", () =>
      withLoopback(shim, async (call) => {
        for (const { options, code, why } of [
          {
            options: { stdin: configOf("2.0.0") },
            code: 1,
            why: /^Cannot use cniVersion "2\.0\.0": supported are 0\.1\.0, /,
          },
          {
            options: { stdin: '{"cniVersion":7}' },
            code: 1,
            why: /^Cannot use cniVersion: supported are 0\.1\.0, /,
          },
          {
            options: { stdin: '{"cniVersion":"0.3.1"' },
            code: 6,
            why: /^Cannot parse network configuration on stdin: /,
          },
          { options: { stdin: "" }, code: 6, why: /^Cannot parse network configuration on stdin: / },
          { options: { stdin: " ".repeat(1024 * 1024 + 1) }, code: 5, why: /larger than 1048576 bytes$/ },
          { options: { netns: "" }, code: 4, why: /^Required CNI variables are missing: CNI_NETNS$/ },
          { options: { netns: "/proc/self/ns/net" }, code: 8, why: /plugin itself$/ },
          {
            options: { netns: "/dev/null" },
            code: 4,
            why: /^Cannot enter CNI_NETNS "\/dev\/null": it is no network namespace$/,
          },
        ]) {
          for (const command of ["ADD", "CHECK"]) {
            const error = errorOf(await call(command, options));
            assert.equal(error.code, code);
            assert.match(error.msg, why);
          }
        }
      }));

    test("loopback ADD reports what the kernel refuses", () =>
      withLoopback(shim, async (call, pod) => {
        const error = errorOf(await call("ADD", { front: ["setpriv", "--bounding-set=-net_admin"] }));
        assert.deepEqual(
          [error.code, error.msg],
          [5, `Cannot set link "lo" up in CNI_NETNS "${pod.path}": EPERM (Operation not permitted)`],
        );
      }));
  });
}
