import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { after, before, suite, test } from "node:test";
import { BUILDS, distFile } from "./builds.ts";
import { startFakeAgent } from "./fake-agent.ts";
import { type Host, makeHost, type Netns } from "./network.ts";
import { pollUntil } from "./poll.ts";
import { errorOf, runShim } from "./run-shim.ts";
import { makeScratch } from "./scratch.ts";

/** linux/netlink.h, bits/socket.h */
const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;

interface Passed {
  readonly count: number;
  readonly netnsInode?: number;
  readonly domain?: number;
  readonly protocol?: number;
  readonly hasLink?: boolean;
}

for (const { name, shim } of BUILDS) {
  suite(name, { concurrency: 2 }, () => {
    let host: Host;
    let pod: Netns;
    before(async () => {
      host = await makeHost();
      pod = await host.makePod();
      await pod.run("ip", "link", "add", "inpod", "type", "bridge");
      await host.run("ip", "link", "add", "onhost", "type", "bridge");
    });
    after(() => host[Symbol.asyncDispose]());

    const call = (command: string, netns: string, socket = "/nonexistent/agent.sock", stdinLength = 0) =>
      runShim({
        command: [...host.enter, shim],
        environment: { CNI_COMMAND: command, CNI_CONTAINERID: "c1", CNI_NETNS: netns, CNI_IFNAME: "eth0" },
        stdin: JSON.stringify({ cniVersion: "1.1.0", name: "n", socket }).padEnd(stdinLength),
      });

    /**
     * Runs one command with an agent that tells which descriptors came, and whether the socket among them
     * sees `link`.
     */
    const passed = async (command: string, link: string, stdinLength = 0): Promise<Passed> => {
      using scratch = makeScratch();
      const socket = scratch.file("s");
      const agent = spawn(distFile("shim-test/fd-agent"), [socket, link], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const printed: Buffer[] = [];
      agent.stdout.on("data", (chunk: Buffer) => printed.push(chunk));
      const ended = once(agent, "close");
      await pollUntil("the agent is there", () => existsSync(socket));
      const answer = await call(command, pod.path, socket, stdinLength);
      await ended;
      assert.deepEqual([answer.exitCode, answer.stdout], [0, "{}"], answer.stdout);
      return JSON.parse(Buffer.concat(printed).toString()) as Passed;
    };

    for (const command of ["ADD", "CHECK"]) {
      test(`${command} passes the pod's namespace and an rtnetlink socket inside it`, async () => {
        const want = {
          count: 2,
          netnsInode: statSync(pod.path).ino,
          domain: AF_NETLINK,
          protocol: NETLINK_ROUTE,
        };
        assert.deepEqual(await passed(command, "inpod"), { ...want, hasLink: true });
        assert.deepEqual(await passed(command, "onhost"), { ...want, hasLink: false });
      });

      test(`${command} passes them once, however many pieces a large frame takes`, async () => {
        assert.equal((await passed(command, "inpod", 1024 * 1024)).count, 2);
      });

      test(`${command} refuses the plugin's own namespace`, async () => {
        const error = errorOf(await call(command, "/proc/self/ns/net"));
        assert.deepEqual([error.cniVersion, error.code], ["1.1.0", 8]);
        const why = "it is the network namespace of the plugin itself";
        assert.equal(error.msg, `Cannot use CNI_NETNS "/proc/self/ns/net": ${why}`);
      });

      for (const { what, path, why } of [
        {
          what: "does not exist",
          path: "/var/run/netns/x",
          why: 'Cannot open CNI_NETNS "/var/run/netns/x": ENOENT (No such file or directory)',
        },
        { what: "is a folder", path: "/", why: 'Cannot enter CNI_NETNS "/": it is no network namespace' },
        {
          what: "is another kind of namespace",
          path: "/proc/self/ns/uts",
          why: 'Cannot enter CNI_NETNS "/proc/self/ns/uts": it is no network namespace',
        },
        {
          what: "is below a file",
          path: "/dev/null/x",
          why: 'Cannot open CNI_NETNS "/dev/null/x": ENOTDIR (Not a directory)',
        },
        {
          what: "has quotes, controls and no UTF-8 form",
          path: '/x"\\\t\u0001é',
          why: 'Cannot open CNI_NETNS "/x"\\\t\u0001é": ENOENT (No such file or directory)',
        },
        {
          what: "is longer than a path can be",
          path: `/${"x".repeat(5000)}`,
          why: `Cannot open CNI_NETNS "/${"x".repeat(399)}...": ENAMETOOLONG (File name too long)`,
        },
      ]) {
        test(`${command} refuses a namespace that ${what}`, async () => {
          const error = errorOf(await call(command, path));
          // musl writes "Filename", glibc "File name".
          assert.deepEqual([error.code, error.msg.replace("Filename", "File name")], [4, why]);
        });
      }

      test(`${command} refuses a namespace that is a plain file`, async () => {
        using scratch = makeScratch();
        writeFileSync(scratch.file("netns"), "");
        const error = errorOf(await call(command, scratch.file("netns")));
        assert.deepEqual(
          [error.code, error.msg],
          [4, `Cannot enter CNI_NETNS "${scratch.file("netns")}": it is no network namespace`],
        );
      });

      test(`${command} is not held up by a namespace that is a fifo`, async () => {
        using scratch = makeScratch();
        await host.run("mkfifo", scratch.file("netns"));
        assert.equal(errorOf(await call(command, scratch.file("netns"))).code, 4);
      });

      test(`${command} asks no agent about a namespace that it cannot enter`, async () => {
        using scratch = makeScratch();
        await using agent = await startFakeAgent(scratch.file("s"), () => undefined);
        errorOf(await call(command, "/", scratch.file("s")));
        assert.equal(agent.frames.length, 0);
      });
    }

    for (const command of ["DEL", "GC", "STATUS"]) {
      test(`${command} passes no descriptors`, async () => {
        assert.deepEqual(await passed(command, "inpod"), { count: 0 });
      });
    }

    test("ADD writes a path that is no UTF-8 as valid JSON", async () => {
      const script = String.raw`CNI_NETNS=$(printf '/\377\300\200\355\240\200x') exec "$0"`;
      const answer = await runShim({
        command: [...host.enter, "sh", "-c", script, shim],
        environment: { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_IFNAME: "eth0" },
      });
      assert.match(errorOf(answer).msg, /^Cannot open CNI_NETNS "\/\ufffd{6}x": ENOENT/);
    });

    test("ADD says so when it may not enter the namespace", async () => {
      const answer = await runShim({
        command: [...host.enter, "setpriv", "--bounding-set=-sys_admin", shim],
        environment: { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_NETNS: pod.path, CNI_IFNAME: "eth0" },
      });
      const error = errorOf(answer);
      assert.deepEqual(
        [error.code, error.msg],
        [5, `Cannot enter CNI_NETNS "${pod.path}": EPERM (Operation not permitted)`],
      );
    });
  });
}
