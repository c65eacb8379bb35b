/**
 * A kernel without the module of nftables that host ports need, which is what an nft(8) that refuses their
 * rules looks like.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, test } from "node:test";
import { makeNode } from "../../testing/agent/agent-process.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { makeNetns } from "../../testing/machine/netns.ts";

const { PATH = "" } = process.env;
const folder = mkdtempSync(join(tmpdir(), "nft-"));
const NFT = `#!/bin/sh
PATH=\${PATH#*:}
case "$*" in *-f*) ;; *) exec nft "$@" ;; esac
commands=$(cat)
case "$commands" in *"dnat ip to"*) echo "Could not process rule: No such file or directory" >&2; exit 1 ;; esac
echo "$commands" | nft "$@"
`;
const runtimeConfig = { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] };
const LACKS = String.raw`Linux \S+ has no module nft_nat \(CONFIG_NFT_NAT\), which is needed for host ports`;

test("a kernel without nft_nat leaves its node ready: a warning names the module, and so does the ADD of a pod with a host port", async () => {
  writeFileSync(join(folder, "nft"), NFT);
  chmodSync(join(folder, "nft"), 0o700);
  process.env["PATH"] = `${folder}${delimiter}${PATH}`;
  const node = makeNode();
  const pod = await makeNetns();
  after(async () => {
    process.env["PATH"] = PATH;
    await pod.remove();
    await node.remove();
    rmSync(folder, { recursive: true });
  });
  node.writeNodes("10.244.1.0/24", "fd00:1::/64");
  const agent = node.start("--standalone", "--nodes-file", node.nodesFile);
  const readiness = async (): Promise<string> => (await agent.get("/readyz"))?.text ?? "";
  const warned = new RegExp(`^ok\nwarning: host ports: unavailable: ${LACKS}`);
  await eventually("the node is ready", async () => warned.test(await readiness()), readiness);
  const refused = await node.call("ADD", { containerId: "web", netns: pod.path, runtimeConfig });
  assert.notEqual(refused.exitCode, 0);
  assert.match(refused.stdout, new RegExp(`Cannot serve host ports: ${LACKS}`));
  await node.add("web", pod);
  await node.del("web", pod.path);
});
