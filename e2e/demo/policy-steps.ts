import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { formatObjects } from "../../agent/testing/kube/format-objects.ts";
import { startIn } from "./machine.ts";

/** Network policies of the demo, without Kubernetes: the file that the agent follows. */
export interface PolicyDemo {
  readonly objectsFile: string;
  /**
   * Opens a TCP connection and a UDP flow from one pod to the other, which carry bytes both ways until the
   * demo ends.
   */
  open(from: string, to: string, address: string): Promise<string>;
  /** Isolates the pod, and waits until the open connections have ended. */
  isolate(pod: string): Promise<string>;
  /** Lets one pod through, and waits until the same connections go on. */
  allow(pod: string, from: string): Promise<string>;
  /** Takes that back, and waits until the same connections have ended again. */
  forbid(): Promise<string>;
  /** Takes all policies away, and waits until the same connections go on. */
  release(): Promise<string>;
}

const FLOW = new URL("../../agent/testing/packets/ticking-flow.ts", import.meta.url).pathname;
const PORT = "7000";
/** Long enough to be sure that what was sent every 20 ms does not come any more. */
const SILENCE_MS = 500;
const DEADLINE_MS = 20_000;

export function createPolicyDemo(folder: string, pods: readonly string[]): PolicyDemo {
  const objectsFile = join(folder, "objects.yaml");
  const files: string[] = [];
  const base = [
    { kind: "Namespace", metadata: { name: "default" } },
    ...pods.map((name) => ({
      kind: "Pod",
      metadata: { name, namespace: "default", labels: { app: name } },
      spec: { nodeName: "node-1" },
    })),
  ];
  let policies: readonly { readonly metadata: { readonly name: string } }[] = [];
  const write = (): void => writeFileSync(objectsFile, formatObjects([...base, ...policies]));
  const policy = (name: string, spec: object) => {
    return { kind: "NetworkPolicy", metadata: { name, namespace: "default" }, spec };
  };
  const received = (): number => files.reduce((sum, file) => sum + readFileSync(file).length, 0);
  const whenEnded = async (): Promise<string> => {
    const startMs = performance.now();
    let lastMs = startMs;
    for (let before = received(); performance.now() - lastMs < SILENCE_MS; await delay(5)) {
      assert.ok(performance.now() - startMs < DEADLINE_MS, "the connections have not ended");
      const now = received();
      if (now !== before) lastMs = performance.now();
      before = now;
    }
    return `both connections ended within ${Math.round(lastMs - startMs)} ms, in both directions`;
  };
  const whenGoingOn = async (): Promise<string> => {
    const before = files.map((file) => readFileSync(file, "latin1"));
    const hasMore = (kind: string): boolean =>
      files.every((file, index) => readFileSync(file, "latin1").slice(before[index]?.length).includes(kind));
    for (const deadlineMs = performance.now() + DEADLINE_MS; !hasMore("t") || !hasMore("u"); await delay(5))
      assert.ok(performance.now() < deadlineMs, "nothing is carried");
    return "TCP and UDP carry bytes both ways";
  };
  write();
  return {
    objectsFile,
    async open(from, to, address) {
      for (const [role, pod] of [
        ["listen", to],
        ["talk", from],
      ] as const) {
        const file = join(folder, role);
        files.push(file);
        await startIn(pod, FLOW, role, address, PORT, file);
      }
      return whenGoingOn();
    },
    isolate(pod) {
      policies = [policy("closed", { podSelector: { matchLabels: { app: pod } }, policyTypes: ["Ingress"] })];
      write();
      return whenEnded();
    },
    allow(pod, from) {
      const ingress = [{ from: [{ podSelector: { matchLabels: { app: from } } }] }];
      policies = [...policies, policy("let-in", { podSelector: { matchLabels: { app: pod } }, ingress })];
      write();
      return whenGoingOn();
    },
    forbid() {
      policies = policies.filter(({ metadata: { name } }) => name !== "let-in");
      write();
      return whenEnded();
    },
    release() {
      policies = [];
      write();
      return whenGoingOn();
    },
  };
}
