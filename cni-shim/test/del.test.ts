import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, suite, test } from "node:test";
import { BUILDS } from "./builds.ts";
import { type Behaviour, replyFrame, replyWith, startFakeAgent } from "./fake-agent.ts";
import { hasLink, type Host, makeHost } from "./network.ts";
import { assertSilentSuccess, errorOf, runShim } from "./run-shim.ts";
import { makeScratch } from "./scratch.ts";

interface Vector {
  readonly containerId: string;
  readonly ifname: string;
  readonly hostLink: string;
}

const VECTORS = JSON.parse(
  readFileSync(new URL("vectors.json", import.meta.url), "utf8"),
) as readonly Vector[];

/** What DEL may take in all when the agent does not help. */
const LIMIT_MS = 1500;

/** Agents that do not answer; the shim then deletes the link itself. */
const USELESS_AGENTS: readonly { readonly name: string; readonly behaviour: Behaviour }[] = [
  { name: "is silent", behaviour: () => undefined },
  { name: "closes", behaviour: (connection) => connection.end() },
  { name: "resets the connection", behaviour: (connection) => connection.destroy() },
  { name: "sends garbage", behaviour: replyWith(Buffer.from("no frame at all")) },
  { name: "sends an oversized reply", behaviour: replyWith(replyFrame("", { length: 0x7fffffff })) },
  { name: "speaks another protocol", behaviour: replyWith(replyFrame("", { version: 2 })) },
  {
    name: "sends half a reply and is silent",
    behaviour: (connection) => void connection.write(replyFrame("result").subarray(0, 14)),
  },
];

/** Links under the attachment's name, made with `ip`, and whether they are ours to delete. */
const LINKS: readonly {
  readonly name: string;
  readonly make: readonly (readonly string[])[];
  readonly deleted: boolean;
}[] = [
  {
    name: "a veth with our alias",
    make: [
      ["add", "LINK", "type", "veth"],
      ["set", "LINK", "alias", "causeway 1 n c eth0 10.0.0.2"],
    ],
    deleted: true,
  },
  {
    name: "a veth without an alias, left by an ADD cut short",
    make: [["add", "LINK", "type", "veth"]],
    deleted: true,
  },
  {
    name: "a veth with a foreign alias",
    make: [
      ["add", "LINK", "type", "veth"],
      ["set", "LINK", "alias", "web front"],
    ],
    deleted: false,
  },
  {
    name: "a veth whose alias only begins alike",
    make: [
      ["add", "LINK", "type", "veth"],
      ["set", "LINK", "alias", "causeways 1"],
    ],
    deleted: false,
  },
  {
    name: "a veth whose alias is shorter",
    make: [
      ["add", "LINK", "type", "veth"],
      ["set", "LINK", "alias", "causeway"],
    ],
    deleted: false,
  },
  { name: "a bridge without an alias", make: [["add", "LINK", "type", "bridge"]], deleted: false },
  {
    name: "a bridge with our alias",
    make: [
      ["add", "LINK", "type", "bridge"],
      ["set", "LINK", "alias", "causeway 1 n c eth0 10.0.0.2"],
    ],
    deleted: true,
  },
];

for (const { name, shim } of BUILDS) {
  suite(name, () => {
    let host: Host;
    before(async () => {
      host = await makeHost();
    });
    after(() => host[Symbol.asyncDispose]());

    const del = (
      vector: Vector,
      { environment = {}, stdin = "{}" }: { environment?: Record<string, string>; stdin?: string } = {},
    ) =>
      runShim({
        command: [...host.enter, shim],
        environment: {
          CNI_COMMAND: "DEL",
          CNI_CONTAINERID: vector.containerId,
          CNI_IFNAME: vector.ifname,
          ...environment,
        },
        stdin,
      });
    const configFor = (socket: string): string => JSON.stringify({ cniVersion: "1.0.0", name: "n", socket });
    const AWAY = configFor("/nonexistent/agent.sock");
    const addVeth = (link: string) => host.run("ip", "link", "add", link, "type", "veth");

    for (const vector of VECTORS) {
      test(`DEL without an agent deletes the link ${vector.hostLink} of ${vector.containerId} ${vector.ifname}, and no other`, async () => {
        await addVeth(vector.hostLink);
        await addVeth("cwaaaaaaaaaaaaa");
        const answer = await del(vector, { stdin: AWAY });
        assertSilentSuccess(answer);
        assert.match(
          answer.stderr,
          /^causeway: DEL without the agent: Cannot reach agent at "\/nonexistent\/agent\.sock": ENOENT/,
        );
        assert.ok(answer.asleepMs < LIMIT_MS, `${answer.asleepMs} ms`);
        assert.equal(await hasLink(host, vector.hostLink), false);
        assert.equal(await hasLink(host, "cwaaaaaaaaaaaaa"), true);
        await host.run("ip", "link", "delete", "cwaaaaaaaaaaaaa");
      });
    }

    const vector = VECTORS[1]!;
    for (const { name: what, make, deleted } of LINKS) {
      test(`DEL without an agent ${deleted ? "deletes" : "leaves"} ${what}`, async () => {
        for (const command of make)
          await host.run("ip", "link", ...command.map((word) => word.replace("LINK", vector.hostLink)));
        assertSilentSuccess(await del(vector, { stdin: AWAY }));
        assert.equal(await hasLink(host, vector.hostLink), !deleted);
        if (!deleted) await host.run("ip", "link", "delete", vector.hostLink);
      });
    }

    test("DEL without an agent succeeds when nothing is there, again and again and twice at once", async () => {
      await addVeth(vector.hostLink);
      const both = await Promise.all([del(vector, { stdin: AWAY }), del(vector, { stdin: AWAY })]);
      for (const answer of both) assertSilentSuccess(answer);
      assertSilentSuccess(await del(vector, { stdin: AWAY }));
      assert.equal(await hasLink(host, vector.hostLink), false);
    });

    for (const { what, environment } of [
      { what: "empty", environment: { CNI_NETNS: "" } },
      { what: "vanished", environment: { CNI_NETNS: "/var/run/netns/cni-vanished" } },
      { what: "no namespace", environment: { CNI_NETNS: "/" } },
    ]) {
      test(`DEL needs no namespace: ${what}`, async () => {
        await addVeth(vector.hostLink);
        assertSilentSuccess(await del(vector, { environment, stdin: AWAY }));
        assert.equal(await hasLink(host, vector.hostLink), false);
      });
    }

    for (const { what, stdin } of [
      { what: "nothing", stdin: "" },
      { what: "garbage", stdin: "\0\xff{" },
      { what: "more than 1 MiB", stdin: " ".repeat(1024 * 1024 + 1) },
      { what: "a socket of the wrong kind", stdin: '{"socket":{}}' },
      { what: "a relative socket", stdin: '{"socket":"x"}' },
      { what: "a socket that is a folder", stdin: '{"socket":"/"}' },
    ]) {
      test(`DEL does its work whatever stdin is: ${what}`, async () => {
        await addVeth(vector.hostLink);
        assertSilentSuccess(await del(vector, { stdin }));
        assert.equal(await hasLink(host, vector.hostLink), false);
      });
    }

    test("DEL does its work when its environment does not fit a frame", async () => {
      await addVeth(vector.hostLink);
      assertSilentSuccess(await del(vector, { environment: { CNI_ARGS: "x".repeat(70_000) }, stdin: AWAY }));
      assert.equal(await hasLink(host, vector.hostLink), false);
    });

    for (const { name: what, behaviour } of USELESS_AGENTS) {
      test(`DEL deletes the link itself within 1.5 s when the agent ${what}`, async () => {
        using scratch = makeScratch();
        await using agent = await startFakeAgent(scratch.file("s"), behaviour);
        await addVeth(vector.hostLink);
        const answer = await del(vector, { stdin: configFor(scratch.file("s")) });
        assertSilentSuccess(answer);
        assert.ok(answer.asleepMs < LIMIT_MS, `${answer.asleepMs} ms`);
        assert.equal(await hasLink(host, vector.hostLink), false);
        assert.equal(agent.frames.length, 1);
      });
    }

    test("DEL gives a silent agent most of that time", async () => {
      using scratch = makeScratch();
      await using _ = await startFakeAgent(scratch.file("s"), () => undefined);
      const answer = await del(vector, { stdin: configFor(scratch.file("s")) });
      assert.ok(answer.elapsedMs > 1200, `${answer.elapsedMs} ms`);
    });

    test("DEL deletes the link itself at once when the socket has no listener", async () => {
      using scratch = makeScratch();
      writeFileSync(scratch.file("s"), "");
      await addVeth(vector.hostLink);
      const answer = await del(vector, { stdin: configFor(scratch.file("s")) });
      assertSilentSuccess(answer);
      assert.ok(answer.asleepMs < 500, `${answer.asleepMs} ms`);
      assert.equal(await hasLink(host, vector.hostLink), false);
    });

    for (const { exitCode, body } of [
      { exitCode: 0, body: "" },
      { exitCode: 1, body: '{"code":5}' },
    ]) {
      test(`DEL leaves the link to an agent that answers with exit code ${exitCode}`, async () => {
        using scratch = makeScratch();
        await using agent = await startFakeAgent(
          scratch.file("s"),
          replyWith(replyFrame(body, { exitCode })),
        );
        await addVeth(vector.hostLink);
        const stdin = configFor(scratch.file("s"));
        const answer = await del(vector, { stdin });
        assert.deepEqual([answer.exitCode, answer.stdout, answer.stderr], [exitCode, body, ""]);
        assert.equal(agent.frames[0]?.stdin, stdin);
        assert.equal(await hasLink(host, vector.hostLink), true);
        await host.run("ip", "link", "delete", vector.hostLink);
      });
    }

    test("DEL reports a deletion that the kernel refuses", async () => {
      await addVeth(vector.hostLink);
      const answer = await runShim({
        command: [...host.enter, "setpriv", "--bounding-set=-net_admin", shim],
        environment: { CNI_COMMAND: "DEL", CNI_CONTAINERID: vector.containerId, CNI_IFNAME: vector.ifname },
        stdin: AWAY,
      });
      const error = errorOf(answer);
      assert.equal(error.code, 5);
      assert.equal(error.msg, `Cannot delete link "${vector.hostLink}": EPERM (Operation not permitted)`);
      await host.run("ip", "link", "delete", vector.hostLink);
    });
  });
}
