import { type ChildProcess, spawn } from "node:child_process";
import { run } from "./guest-node.ts";

/** Far more than a round trip takes, and what does not come by then never will. */
const PATIENCE_MS = 1500;

/** One connection to a server that sends back what it gets. */
export interface Conversation {
  /** Whether a word comes back. */
  ask(): Promise<boolean>;
  /** What has come so far. */
  heard(): string;
  /** Sends bytes, and waits until all of them are back; gives the milliseconds. */
  carry(bytes: number): Promise<number>;
  close(): Promise<void>;
}

const running = new Set<ChildProcess>();

function remember<Child extends ChildProcess>(child: Child): Child {
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

const socatIn = (netns: string): readonly string[] => ["netns", "exec", netns, "socat"];

/** Serves until the tests end; `listen` is an address of socat(1), `does` what is done with a connection. */
export function serve(netns: string, listen: string, does: string): void {
  remember(spawn("ip", [...socatIn(netns), `${listen},fork`, does], { stdio: "ignore" }));
}

export function stopAll(): void {
  for (const child of running) child.kill();
}

/** Opens a connection from a namespace to an address of socat(1). */
export function converse(netns: string, target: string): Conversation {
  const child = remember(
    spawn("ip", [...socatIn(netns), "-", target], { stdio: ["pipe", "pipe", "ignore"] }),
  );
  child.stdin.on("error", () => undefined); // a connection that was ended
  let text = "";
  let count = 0;
  let notice = (): void => undefined;
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
    notice();
  });
  const receive = (isThere: () => boolean, ms: number): Promise<boolean> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), ms);
      notice = (): void => {
        if (!isThere()) return;
        clearTimeout(timer);
        resolve(true);
      };
      notice();
    });
  return {
    ask() {
      const word = `word-${++count};`;
      child.stdin.write(word);
      return receive(() => text.includes(word), PATIENCE_MS);
    },
    heard: () => text,
    async carry(bytes) {
      const start = performance.now();
      const before = text.length;
      child.stdin.write(Buffer.alloc(bytes, 46));
      const isBack = await receive(() => text.length >= before + bytes, 60_000);
      if (!isBack) throw new Error(`Only ${text.length - before} of ${bytes} bytes came back`);
      return performance.now() - start;
    },
    close() {
      const closed = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      child.stdin.end();
      return closed;
    },
  };
}

/** Lines of the kernel's table of connections that are in a flow table, and about all of these words. */
export function offloaded(...words: readonly string[]): readonly string[] {
  return run("cat /proc/net/nf_conntrack")
    .split("\n")
    .filter((line) => line.includes("[OFFLOAD]") && words.every((word) => `${line} `.includes(`${word} `)));
}
