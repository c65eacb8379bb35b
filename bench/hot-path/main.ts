/**
 * What an ADD costs in JavaScript: a dual-stack pod planned and its messages encoded, from requests and by
 * template; and all of a pod's ADD, from the shim's frame to reply, metrics and log, without the kernel. In
 * the simple code that V8 makes for an agent, and in code that it only interprets, as it does where a pod
 * starts now and then.
 * usage: npm run bench:hot-path
 */
import { spawnSync } from "node:child_process";
import { createPodEncoder } from "../../agent/kernel/pod/pod-batches.ts";
import { podRequests } from "../../agent/kernel/pod/pod-requests.ts";
import { madeUpPod } from "../../agent/testing/agent/made-up-pod.ts";
import { encodeBatch } from "../../agent/netlink/message/message.ts";
import { V8_FLAGS } from "../../agent/start/memory/v8-flags.ts";
import { createAddService } from "./serve-add.ts";

const ROUNDS = 5000;

/** Made-up pods are told apart by 16 bits. */
const PODS = 0x10000;

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
async function microsecondsOf(work: (round: number) => Promise<void> | void): Promise<number> {
  for (let round = 1; round <= ROUNDS; round++) await work(round);
  const start = process.cpuUsage();
  for (let round = 1; round <= ROUNDS; round++) await work(ROUNDS + round);
  return process.cpuUsage(start).user / ROUNDS;
}

/** Of one pod, in microseconds of CPU time. */
interface Costs {
  readonly requests: number;
  readonly template: number;
  readonly whole: number;
}

function measure(flags: readonly string[]): Costs {
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, import.meta.filename, CHILD], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`Cannot measure: ${stderr}`);
  return JSON.parse(stdout) as Costs;
}

if (process.argv.includes(CHILD)) {
  const costs: Costs = {
    requests: await microsecondsOf((round) => fromRequests(round % PODS)),
    template: await microsecondsOf((round) => byTemplate(round % PODS)),
    whole: await microsecondsOf(createAddService().serve),
  };
  console.log(JSON.stringify(costs));
} else {
  console.log("µs of CPU for a pod            messages from requests   by template   a whole ADD");
  for (const [name, flags] of [
    ["as an agent that is warm", V8_FLAGS],
    ["interpreted", INTERPRETED],
  ] as const) {
    const { requests, template, whole } = measure(flags);
    const cells = [requests, template, whole].map((value) => value.toFixed(0).padStart(14));
    console.log(`${name.padEnd(39)}${cells.join("")}`);
  }
}
