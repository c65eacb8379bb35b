import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type CniVersion, SUPPORTED_VERSIONS } from "../../cni/request/network-config.ts";
import { makeNode, type TestNode } from "../../testing/agent/agent-process.ts";
import {
  type CellOutcome,
  createConformanceTable,
  VERBS,
  type Verb,
} from "../../testing/agent/conformance-table.ts";
import { makeNetns, type Netns } from "../../testing/machine/netns.ts";
import { assertResult, EARLIER_INTERFACE, readPod } from "../../testing/agent/result-shape.ts";

const FAMILIES = [
  { name: "IPv4", podCIDRs: ["10.244.1.0/24"], addresses: 1 },
  { name: "IPv6", podCIDRs: ["fd00:1::/64"], addresses: 1 },
  { name: "dual", podCIDRs: ["10.244.1.0/24", "fd00:1::/64"], addresses: 2 },
];

/** First version of the specification that has a verb (SPEC.md of containernetworking/cni, by release). */
const SINCE: Readonly<Record<Verb, CniVersion>> = {
  ADD: "0.1.0",
  CHECK: "0.4.0",
  DEL: "0.1.0",
  GC: "1.1.0",
  STATUS: "1.1.0",
  VERSION: "0.1.0",
};

/** CNI codes, SPEC.md section "Error". */
const INCOMPATIBLE_VERSION = 1;
const INVALID_CONFIG = 7;

/** From this version on a runtime gives DEL the result of the ADD. */
const DEL_HAS_RESULT: CniVersion = "0.4.0";

const ATTACHMENTS = "cni.dev/valid-attachments";
/** The key of libcni before it was fixed (containernetworking/cni#1101). */
const LEGACY_ATTACHMENTS = "cni.dev/attachments";

const table = createConformanceTable(FAMILIES.map(({ name }) => name));
after(() => console.log(table.format()));

const CELLS: Readonly<Record<Verb, (cell: Cell) => Promise<CellOutcome>>> = {
  async ADD(cell) {
    const { node, pod, version, containerId, addresses } = cell;
    for (const prevResult of [undefined, earlierResult(version)]) {
      const answer = await call(cell, "ADD", prevResult === undefined ? {} : { prevResult });
      assert.equal(answer.exitCode, 0, answer.stdout);
      const facts = await readPod(pod);
      assert.equal(facts.addresses.length, addresses);
      const earlier = prevResult === undefined ? 0 : prevResult.interfaces.length;
      assertResult(answer.stdout, { version, netns: pod.path, pod: facts, earlier });
      await node.del(containerId, pod.path);
    }
    return "served";
  },
  async CHECK(cell) {
    const prevResult = await add(cell);
    if (isBefore(cell.version, SINCE.CHECK)) return await refused(cell, "CHECK", { prevResult });
    await silent(cell, "CHECK", { prevResult });
    await cell.pod.run("ip", "link", "set", "eth0", "down");
    const { msg } = await failure(cell, "CHECK", { prevResult });
    assert.match(msg, /eth0/);
    return "served";
  },
  async DEL(cell) {
    const result = await add(cell);
    await silent(cell, "DEL", isBefore(cell.version, DEL_HAS_RESULT) ? {} : { prevResult: result });
    assert.equal(await hasInterface(cell), false);
    // Again, as kubelets do: without namespace and result.
    await silent({ ...cell, netns: "" }, "DEL");
    return "served";
  },
  async GC(cell) {
    await add(cell);
    const valid = [{ containerID: cell.containerId, ifname: "eth0" }];
    if (isBefore(cell.version, SINCE.GC)) return await refused(cell, "GC", { [ATTACHMENTS]: valid });
    assert.equal((await failure(cell, "GC")).code, INVALID_CONFIG);
    for (const key of [ATTACHMENTS, LEGACY_ATTACHMENTS]) await silent(cell, "GC", { [key]: valid });
    await silent({ ...cell, name: "another" }, "GC", { [ATTACHMENTS]: [] });
    assert.equal(await hasInterface(cell), true);
    await silent(cell, "GC", { [ATTACHMENTS]: [] });
    assert.equal(await hasInterface(cell), false);
    return "served";
  },
  async STATUS(cell) {
    if (isBefore(cell.version, SINCE.STATUS)) return await refused(cell, "STATUS");
    await silent(cell, "STATUS");
    return "served";
  },
  async VERSION(cell) {
    const stdin = JSON.stringify({ cniVersion: cell.version });
    const { exitCode, stdout } = await cell.node.call("VERSION", { stdin });
    assert.equal(exitCode, 0);
    assert.deepEqual(JSON.parse(stdout), {
      cniVersion: cell.version,
      supportedVersions: [...SUPPORTED_VERSIONS],
    });
    return "served";
  },
};

interface Cell {
  readonly node: TestNode;
  readonly pod: Netns;
  readonly version: CniVersion;
  readonly containerId: string;
  readonly addresses: number;
  /** Network name, if not the conflist's. */
  readonly name?: string;
  /** CNI_NETNS, if not the pod's. */
  readonly netns?: string;
}

for (const { name: family, podCIDRs, addresses } of FAMILIES) {
  describe(`conformance, ${family}`, () => {
    let node: TestNode;
    let pod: Netns;
    before(async () => {
      node = makeNode();
      pod = await makeNetns();
      node.writeNodes(...podCIDRs);
      await node.start("--standalone", "--nodes-file", node.nodesFile).waitUntilReady();
    });
    after(async () => {
      await pod.remove();
      await node.remove();
    });
    for (const verb of VERBS) {
      for (const version of SUPPORTED_VERSIONS) {
        test(`${verb} in ${version}, ${family}`, async () => {
          const containerId = `${verb}-${version}`;
          try {
            const outcome = await CELLS[verb]({ node, pod, version, containerId, addresses });
            table.record({ verb, version, family }, outcome);
          } finally {
            await node.del(containerId, pod.path); // a cell that failed must not fail those after it
          }
        });
      }
    }
  });
}

type Keys = Readonly<Record<string, unknown>>;

/**
 * Calls the shim with the configuration that a runtime would send: the conflist's keys, and those of the
 * verb.
 */
function call(
  { node, pod, version, containerId, name = "causeway", netns = pod.path }: Cell,
  verb: Verb,
  keys: Keys = {},
): ReturnType<TestNode["call"]> {
  const config = { cniVersion: version, name, type: "causeway", socket: node.socket, ...keys };
  const stdin = JSON.stringify(config);
  const isOfPod = verb === "ADD" || verb === "CHECK" || verb === "DEL";
  return node.call(verb, isOfPod ? { containerId, netns, stdin } : { stdin });
}

async function hasInterface({ pod }: Cell): Promise<boolean> {
  return (await pod.run("ip", "-o", "link")).includes("eth0");
}

async function add(cell: Cell): Promise<unknown> {
  const { exitCode, stdout } = await call(cell, "ADD");
  assert.equal(exitCode, 0, stdout);
  return JSON.parse(stdout) as unknown;
}

async function silent(cell: Cell, verb: Verb, keys?: Keys): Promise<void> {
  const { exitCode, stdout } = await call(cell, verb, keys);
  assert.deepEqual({ exitCode, stdout }, { exitCode: 0, stdout: "" });
}

async function failure(cell: Cell, verb: Verb, keys?: Keys): Promise<{ code: number; msg: string }> {
  const { exitCode, stdout } = await call(cell, verb, keys);
  assert.equal(exitCode, 1, `${verb} succeeded`);
  const error = JSON.parse(stdout) as { cniVersion: string; code: number; msg: string };
  assert.equal(error.cniVersion, cell.version);
  return error;
}

async function refused(cell: Cell, verb: Verb, keys?: Keys): Promise<CellOutcome> {
  const { code, msg } = await failure(cell, verb, keys);
  assert.deepEqual(
    { code, named: msg.includes(`"${cell.version}"`) },
    { code: INCOMPATIBLE_VERSION, named: true },
    msg,
  );
  return "refused";
}

function isBefore(version: CniVersion, since: CniVersion): boolean {
  return SUPPORTED_VERSIONS.indexOf(version) < SUPPORTED_VERSIONS.indexOf(since);
}

/**
 * What a plugin before ours may have made; results before 0.3.0 had no interfaces, and chains came with
 * 0.3.0.
 */
function earlierResult(
  version: CniVersion,
): { cniVersion: string; interfaces: readonly object[] } | undefined {
  if (isBefore(version, "0.3.0")) return undefined;
  return { cniVersion: version, interfaces: [EARLIER_INTERFACE] };
}
