/**
 * What an ADD costs in JavaScript before the kernel is asked: a pod planned and its messages encoded, from requests and by template, in the simple code that
 * V8 makes for an agent and in code that it only interprets, as it does where a pod starts now and then.
 * usage: npm run bench:hot-path
 */
import { spawnSync } from "node:child_process";
import { createPodEncoder } from "../../agent/kernel/pod/pod-batches.ts";
import { podRequests } from "../../agent/kernel/pod/pod-requests.ts";
import { madeUpPod } from "../../agent/kernel/pod/warm-up.ts";
import { encodeBatch } from "../../agent/netlink/message/message.ts";
import { V8_FLAGS } from "../../agent/start/v8-flags.ts";

const ROUNDS = 10_000;
const INTERPRETED = [...V8_FLAGS, "--no-sparkplug"];
const CHILD = "--child";

function fromRequests(round: number): void {
  const { create, host, pod, routes } = podRequests(madeUpPod(round));
  const ways = routes.flatMap(({ toGateway, byDefault }) => [toGateway, byDefault]);
  for (const requests of [create, host, pod, ways]) encodeBatch(requests, round);
}

const encodePod = createPodEncoder();

function byTemplate(round: number): void {
  encodePod(madeUpPod(round));
}

/** Microseconds of CPU time for one pod. */
function microsecondsOf(encode: (round: number) => void): number {
  for (let round = 0; round < ROUNDS; round++) encode(round);
  const start = process.cpuUsage();
  for (let round = 0; round < ROUNDS; round++) encode(round);
  return process.cpuUsage(start).user / ROUNDS;
}

function measure(flags: readonly string[]): { readonly requests: number; readonly template: number } {
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, import.meta.filename, CHILD], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`Cannot measure: ${stderr}`);
  return JSON.parse(stdout) as ReturnType<typeof measure>;
}

if (process.argv.includes(CHILD)) {
  console.log(
    JSON.stringify({ requests: microsecondsOf(fromRequests), template: microsecondsOf(byTemplate) }),
  );
} else {
  console.log("a dual-stack pod planned and encoded, µs of CPU    from requests  by template");
  for (const [name, flags] of [
    ["as an agent that is warm", V8_FLAGS],
    ["interpreted", INTERPRETED],
  ] as const) {
    const { requests, template } = measure(flags);
    const ratio = `${(requests / template).toFixed(1)} ×`;
    console.log(
      `${name.padEnd(48)}${requests.toFixed(0).padStart(16)}${template.toFixed(0).padStart(13)}   ${ratio}`,
    );
  }
}
