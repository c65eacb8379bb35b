import assert from "node:assert/strict";
import { readlinkSync } from "node:fs";
import { suite, test } from "node:test";
import { BUILDS, distFile } from "./builds.ts";
import { replyFrame, replyWith, startFakeAgent } from "./fake-agent.ts";
import { pollUntil } from "./poll.ts";
import { awaitShim, startShim } from "./run-shim.ts";
import { makeScratch } from "./scratch.ts";

// A runtime's event loop may leave O_NONBLOCK on the pipes that it shares with the plugin.
for (const { name, shim } of BUILDS) {
  suite(name, () => {
    test("non-blocking stdin and stdout lose nothing", async () => {
      using scratch = makeScratch();
      const body = "0123456789abcde\n".repeat(65_536);
      await using agent = await startFakeAgent(scratch.file("s"), replyWith(replyFrame(body)));
      const child = startShim({
        command: [distFile("shim-test/exec-non-blocking"), shim],
        environment: { CNI_COMMAND: "STATUS" },
      });
      // The program reads nothing before this, and finds nothing to read for as long as it takes to see it.
      await pollUntil("the shim runs", () => readlinkSync(`/proc/${child.pid}/exe`) === shim);
      for (const piece of ['{"socket":', `"${scratch.file("s")}"}`]) {
        await new Promise((resolve) => child.stdin.write(piece, resolve));
      }
      child.stdin.end();
      // Nobody reads until the reply waits.
      await pollUntil("the reply is there", () => agent.frames.length === 1);
      const answer = await awaitShim(child);
      assert.equal(answer.exitCode, 0, answer.stderr);
      assert.ok(answer.stdout === body, `${answer.stdout.length} bytes`);
    });
  });
}
