import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { DirectedProbe } from "../../agent/testing/policy/directed-probes.ts";
import { HERE } from "../../agent/testing/policy/random-cluster.ts";
import type { RawCluster } from "../../agent/testing/policy/raw-objects.ts";

/** The engine of kube-network-policies, in a process of its own (driver/main.go). */
export interface OtherEngine extends AsyncDisposable {
  /** A character for each probe, "1" if the policies of its direction's pod let it pass. */
  judge(cluster: RawCluster, probes: readonly DirectedProbe[]): Promise<string>;
}

export function startOtherEngine(program: string): OtherEngine {
  const child = spawn(program, [], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "close");
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    async judge(cluster, probes) {
      child.stdin.write(`${JSON.stringify(requestOf(cluster, probes))}\n`);
      const { done, value } = await lines.next();
      if (done === true) throw new Error("The engine of kube-network-policies has ended");
      return value;
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
}

function requestOf({ namespaces, ...objects }: RawCluster, probes: readonly DirectedProbe[]): object {
  return {
    ...objects,
    node: HERE,
    namespaces: Object.entries(namespaces).map(([name, labels]) => ({ metadata: { name, labels } })),
    packets: probes.map(({ protocol, ...rest }) => ({ ...rest, protocol: protocol === 1 ? "" : protocol })),
  };
}
