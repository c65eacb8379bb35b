import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { run, until } from "./guest-node.ts";

/** Sends each line that it reads to the gateway, and prints what it is answered. */
const POD = `const socket = require("node:dgram").createSocket("udp4");
  socket.on("message", (answer) => console.log(String(answer)));
  process.stdin.on("data", (line) => socket.send(String(line).trim(), 7000, process.argv[1]));
  socket.bind(() => console.log("ready"));`;

/** Ahead of all that the kernel's workers do, and behind nothing but one another. */
const FIRST = ["chrt", "--all-tasks", "--fifo", "--pid", "1"];
const AS_BEFORE = ["chrt", "--all-tasks", "--other", "--pid", "0"];

/**
 * Whether a pod gets an answer to the packet that it sends as soon as its ADD has ended, on a node that is so
 * busy that the worker which sees carriers (linkwatch_event of net/core/link_watch.c) comes last: whoever has
 * a part in it runs before workers, and a link that was not waited for loses the packet each time. Gives what
 * was answered, of "first" and, a second later, "second".
 */
export async function askAtOnce(
  agent: number,
  { netns, gateway, add }: { readonly netns: string; readonly gateway: string; readonly add: () => void },
): Promise<readonly string[]> {
  const answers: string[] = [];
  const server = createSocket("udp4", (question, { address, port }) => server.send(question, port, address));
  server.bind(7000, gateway);
  const pod: ChildProcess = spawn("ip", ["netns", "exec", netns, process.execPath, "-e", POD, gateway], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  if (pod.stdout !== null) createInterface(pod.stdout).on("line", (line) => answers.push(line));
  await until("the pod's program is there", () => answers.length > 0);
  const busy = [process.pid, agent, pod.pid];
  for (const pid of busy) run([...FIRST, pid].join(" "));
  try {
    add();
    pod.stdin?.write("first\n");
    await delay(1000);
  } finally {
    for (const pid of busy) run([...AS_BEFORE, pid].join(" "));
  }
  pod.stdin?.write("second\n");
  await until("the pod is answered", () => answers.includes("second"));
  pod.kill();
  server.close();
  return answers.slice(1);
}
