import assert from "node:assert/strict";
import { test } from "node:test";
import type { CniAnswer, CniFailure, CniResult, Libcni, PodCall } from "./libcni.ts";
import { createLibcni } from "./libcni.ts";
import { createNodeLab, findTool, leavingNothing, type NodeLab } from "./node-lab.ts";
import { createSandboxes, type Sandbox, type Sandboxes } from "./sandboxes.ts";

/** A node with its agent, and libcni in front of it. */
export interface CniLab {
  readonly node: NodeLab;
  /** With the newest reference plugins, which speak CNI 1.1.0. */
  readonly libcni: Libcni;
  readonly sandboxes: Sandboxes;
}

/** A sandbox with the network that an ADD has given it. */
export interface Pod extends Sandbox {
  readonly result: CniResult;
  /** Without prefix length, in the order of the result. */
  readonly addresses: readonly string[];
  readonly hostLink: string;
  readonly mac: string;
}

export async function createCniLab(): Promise<CniLab> {
  const node = await createNodeLab();
  const libcni = createLibcni(node, findTool("packages/cni-plugins-newest/usr/lib/cni"));
  return { node, libcni, sandboxes: createSandboxes(node, libcni) };
}

/** A test that begins with the agent ready, and leaves the node as it was once its sandboxes are removed. */
export function testInLab(name: string, getLab: () => CniLab, body: (lab: CniLab) => Promise<void>): void {
  test(name, async () => {
    const lab = getLab();
    await leavingNothing(
      lab.node,
      () => body(lab),
      () => lab.sandboxes.removeAll(),
    );
  });
}

/** A sandbox that has been given a network by the conflist (default: the agent's own). */
export async function addPod(
  { node, libcni, sandboxes }: CniLab,
  call: Partial<Omit<PodCall, "pod">> = {},
): Promise<Pod> {
  const sandbox = await sandboxes.create();
  const answer = await libcni.add({ conflist: node.conflist, ...call, pod: sandbox });
  assertSuccess(answer);
  assert.ok(answer.result !== undefined);
  return describePod(sandbox, answer.result, call.ifname);
}

export function describePod(sandbox: Sandbox, result: CniResult, ifname = "eth0"): Pod {
  const index = result.interfaces.findIndex((link) => link.name === ifname && Boolean(link.sandbox));
  const hostLink = result.interfaces.find(({ name }) => /^cw[a-z2-7]{13}$/.test(name))?.name;
  const mac = result.interfaces[index]?.mac;
  assert.ok(hostLink !== undefined && mac !== undefined, JSON.stringify(result));
  const own = result.ips.filter((ip) => ip.interface === index);
  const addresses = own.map(({ address }) => address.replace(/\/\d+$/, ""));
  return { ...sandbox, result, addresses, hostLink, mac };
}

export function assertSuccess({ error }: CniAnswer): void {
  assert.equal(error?.text, undefined);
}

/** A failure of the plugin with this code; `names` are what its message has to hold. */
export function assertFailure({ error }: CniAnswer, code: number, ...names: readonly string[]): CniFailure {
  assert.ok(error !== undefined, "the call succeeded");
  assert.equal(error.code, code, error.text);
  for (const name of names) assert.ok(error.msg.includes(name), `"${name}" is not in: ${error.msg}`);
  return error;
}
