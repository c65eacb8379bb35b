/**
 * A node with two processors, both kept busy, in both families, on which each pod is the only one: what
 * surroundings.e2e.ts shows on one processor beside other pods.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { after, test } from "node:test";
import { askAtOnce, workersLast } from "./first-packet.ts";
import { run, startNode, until } from "./guest-node.ts";

const NODES_FILE = "/run/nodes.yaml";
const GATEWAYS = ["10.244.1.1", "fd00:10:244:1::1"];
const PODS = 5;

run(`ip link add up0 type dummy; ip link set up0 up
ip address add 192.0.2.10/24 dev up0; ip -6 address add 2001:db8:2::10/64 dev up0 nodad
ip route add default via 192.0.2.1`);
writeFileSync(
  NODES_FILE,
  "- {name: guest, addresses: [192.0.2.10, 2001:db8:2::10], podCIDRs: [10.244.1.0/24, 'fd00:10:244:1::/64']}\n",
);
const node = await startNode(["--nodes-file", NODES_FILE, "--node-name", "guest"]);
// A slow guest may have said meanwhile that it is not ready yet.
const atStart = node.warnings().length;
after(() => node.stop());

test("the guest has two processors", () => assert.equal(availableParallelism(), 2));

/** The kernel looks at most once a second at what has lost its carrier (linkwatch_nextevent). */
const bridgeIsDown = (): boolean => readFileSync("/sys/class/net/cw0/operstate", "utf8") === "down\n";

test("the first packets of a node's only pod are answered while both processors are busy: they were lost", async () => {
  const lost: string[] = [];
  for (let number = 0; number < PODS; number++) {
    const netns = `pod${number}`;
    run(`ip netns add ${netns}`);
    await until("the kernel has seen that the bridge has no port", bridgeIsDown);
    const add = (): void => {
      const { exitCode, stdout } = node.call("ADD", { containerId: netns, netns });
      assert.equal(exitCode, 0, stdout);
    };
    const answers = await askAtOnce(node.pid, { netns, gateways: GATEWAYS, add }, workersLast(2));
    lost.push(
      ...GATEWAYS.filter((gateway) => !answers.includes(`first ${gateway}`)).map(
        (way) => `${netns} → ${way}`,
      ),
    );
    assert.equal(node.call("DEL", { containerId: netns, netns }).exitCode, 0);
  }
  assert.deepEqual(lost, []);
  assert.deepEqual(node.warnings().slice(atStart), []);
});
