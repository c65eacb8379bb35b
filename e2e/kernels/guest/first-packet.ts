import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { run, until } from "./guest-node.ts";

/** Sends each line that it reads to all gateways, and prints it with the one that has answered. */
const POD = `const sockets = process.argv.slice(1).map((gateway) => {
    const socket = require("node:dgram").createSocket(gateway.includes(":") ? "udp6" : "udp4");
    socket.on("message", (answer) => console.log(answer + " " + gateway));
    socket.bind();
    return [socket, gateway];
  });
  process.stdin.on("data", (line) => {
    for (const [socket, gateway] of sockets) socket.send(String(line).trim(), 7000, gateway);
  });
  console.log("ready");`;

/** A pod that is to be added, and whom it asks: addresses of the node. */
export interface NewPod {
  readonly netns: string;
  readonly gateways: readonly string[];
  readonly add: () => void;
}

/** Keeps the node busy during an ADD. */
export interface Business {
  /** Is told the processes that have a part in it. */
  begin(pids: readonly (number | undefined)[]): void;
  end(): void;
}

/**
 * What a pod is answered to the packets that it sends as soon as its ADD has ended, on a busy node: as
 * "first 10.244.1.1", and, a second later, "second 10.244.1.1".
 */
export async function askAtOnce(
  agent: number,
  { netns, gateways, add }: NewPod,
  business: Business,
): Promise<readonly string[]> {
  const answers: string[] = [];
  const servers = gateways.map((gateway) => {
    const server = createSocket(gateway.includes(":") ? "udp6" : "udp4", (question, { address, port }) =>
      server.send(question, port, address),
    );
    return server.bind(7000, gateway);
  });
  const pod: ChildProcess = spawn("ip", ["netns", "exec", netns, process.execPath, "-e", POD, ...gateways], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  if (pod.stdout !== null) createInterface(pod.stdout).on("line", (line) => answers.push(line));
  await until("the pod's program is there", () => answers.length > 0);
  business.begin([process.pid, agent, pod.pid]);
  try {
    add();
    pod.stdin?.write("first\n");
    await delay(1000);
  } finally {
    business.end();
  }
  pod.stdin?.write("second\n");
  const isAnswered = (gateway: string): boolean => answers.includes(`second ${gateway}`);
  await until("the pod is answered", () => gateways.every(isAnswered));
  pod.kill();
  for (const server of servers) server.close();
  return answers.slice(1);
}

/** Ahead of all that the kernel's workers do, and of what only computes. */
const FIRST = "chrt --all-tasks --fifo --pid 2";
const AS_BEFORE = "chrt --all-tasks --other --pid 0";
const COMPUTE = ["--fifo", "1", "sh", "-c", "while :; do :; done"];

/**
 * The worker which sees carriers (linkwatch_event of net/core/link_watch.c) comes last: whoever has a part in
 * an ADD runs before workers, and so, where there are more, does a process on each processor that only
 * computes. A link that was not waited for loses the packet each time.
 */
export function workersLast(processors: number): Business {
  let busy: readonly (number | undefined)[] = [];
  let burners: readonly ChildProcess[] = [];
  return {
    begin(pids) {
      busy = pids;
      for (const pid of busy) run(`${FIRST} ${pid}`);
      if (processors > 1) burners = Array.from({ length: processors }, () => spawn("chrt", COMPUTE));
    },
    end() {
      for (const burner of burners) burner.kill();
      for (const pid of busy) run(`${AS_BEFORE} ${pid}`);
    },
  };
}
