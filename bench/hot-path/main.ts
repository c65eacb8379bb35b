/**
 * What an ADD costs in JavaScript before the kernel is asked: a pod planned and its messages encoded, from requests and by template, in code that V8 has
 * compiled and in code that it only interprets, as it does where a pod starts now and then.
 * usage: npm run bench:hot-path
 */
import { spawnSync } from "node:child_process";
import { createPodEncoder } from "../../agent/kernel/pod-batches.ts";
import { podRequests, type PodRequestsInput } from "../../agent/kernel/pod-requests.ts";
import { encodeBatch } from "../../agent/netlink/message.ts";
import { planPodNetwork } from "../../agent/plan/pod-network.ts";

const ROUNDS = 10_000;
const INTERPRETED = ["--no-opt", "--no-maglev", "--no-sparkplug"];
const CHILD = "--child";

function podOf(round: number): PodRequestsInput {
  const low = `${round >> 8}.${round & 0xff}`;
  const plan = planPodNetwork({
    network: "causeway",
    containerId: round.toString(16).padStart(64, "0"),
    ifname: "eth0",
    mtu: 1500,
    addresses: [
      { family: 4, address: `10.244.${low}`, gateway: "10.244.0.1" },
      { family: 6, address: `fd00:10:244::${(round + 2).toString(16)}`, gateway: "fd00:10:244::1" },
    ],
  });
  return {
    plan,
    linkIndex: 2 * round + 2,
    podLinkIndex: 2 * round + 3,
    ifbIndex: 0,
    bridgeIndex: 7,
    netns: 9,
    hasIpv6: true,
  };
}

function fromRequests(round: number): void {
  const { create, host, pod, routes } = podRequests(podOf(round));
  const ways = routes.flatMap(({ toGateway, byDefault }) => [toGateway, byDefault]);
  for (const requests of [create, host, pod, ways]) encodeBatch(requests, round);
}

const encodePod = createPodEncoder();

function byTemplate(round: number): void {
  encodePod(podOf(round));
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
    ["compiled", []],
    ["interpreted", INTERPRETED],
  ] as const) {
    const { requests, template } = measure(flags);
    const ratio = `${(requests / template).toFixed(1)} ×`;
    console.log(
      `${name.padEnd(48)}${requests.toFixed(0).padStart(16)}${template.toFixed(0).padStart(13)}   ${ratio}`,
    );
  }
}
