import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runCommand } from "../lib/command.ts";
import type { PodLab } from "./pod-lab.ts";

/** "nobody", with the one capability that lets it reach a socket in folders of root. */
const AS_NOBODY = [
  "setpriv",
  "--reuid=65534",
  "--regid=65534",
  "--clear-groups",
  "--inh-caps=+dac_override",
  "--ambient-caps=+dac_override",
];

/**
 * Sends what a shim sends to the socket that is its argument, and prints how many bytes came back until the
 * end.
 */
const CLIENT = `
  const body = Buffer.concat([Buffer.from([0, 1, 0, 0, 0, 0, 0, 20]), Buffer.alloc(8), Buffer.from("CNI_COMMAND=VERSION\\0")]);
  const header = Buffer.from("CWAY\\0\\0\\0\\0");
  header.writeUInt32BE(body.length, 4);
  let bytes = 0;
  const client = require("node:net").connect(process.argv[1], () => client.write(Buffer.concat([header, body])));
  client.on("data", (chunk) => (bytes += chunk.length));
  client.on("error", () => undefined);
  client.on("close", () => console.log(bytes));
`;

/**
 * Only root may speak to the agent, whatever the mode of files. Needs more users than a user namespace of one
 * has.
 */
export function testPeers(getLab: () => PodLab): void {
  test("a client that is not root is refused, also where it can reach the socket; root is served", async () => {
    const { agents, cniConfDir } = getLab();
    const agent = await agents.ready();
    const conflist = JSON.parse(readFileSync(join(cniConfDir, "10-causeway.conflist"), "utf8")) as {
      plugins: { socket: string }[];
    };
    const socket = conflist.plugins[0]?.socket ?? assert.fail("the conflist names no socket");
    const client = [process.execPath, "-e", CLIENT, socket];
    assert.equal(Number(await runCommand([...AS_NOBODY, ...client])), 0);
    assert.match(agent.log(), /peer has uid 65534, not 0/);
    assert.ok(Number(await runCommand(client)) > 0);
  });
}
