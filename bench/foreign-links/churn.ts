import { spawn } from "node:child_process";
import { once } from "node:events";
import { type Host, ip, show } from "../machine.ts";

/** Links of somebody else. */
const KIND = "bridge";
const nameOf = (number: number): string => `other${number}`;

/** Makes so many links on a host. */
export function makeLinks({ netns }: Host, count: number): void {
  ip(
    Array.from({ length: count }, (_, number) => `link add ${nameOf(number)} type ${KIND}`),
    netns,
  );
}

export interface Churn {
  /** How many links have come so far, each where another one has gone. */
  readonly count: () => number;
  readonly stop: () => Promise<void>;
}

/**
 * Deletes and makes the links of {@link makeLinks}, one after the other, over and over, as fast as the kernel
 * does.
 */
export function startChurn({ netns }: Host, count: number): Churn {
  const firstIndex = highestIndex(netns);
  const child = spawn("ip", ["-netns", netns, "-batch", "-"], { stdio: ["pipe", "ignore", "inherit"] });
  const exited = once(child, "exit");
  const lines = Array.from({ length: count }, (_, number) => {
    const name = nameOf(number);
    return `link del ${name}\nlink add ${name} type ${KIND}\n`;
  });
  child.stdin.on("error", () => undefined); // it was ended while it had more to read
  const write = (): void => void child.stdin.write(lines.join(""), (error) => void (error ?? write()));
  write();
  return {
    count: () => highestIndex(netns) - firstIndex,
    async stop() {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/** The kernel counts links: the next one has the next index. */
function highestIndex(netns: string): number {
  const links = show(netns, "ip", "link", "show", "type", KIND) as { ifindex: number }[];
  return Math.max(...links.map(({ ifindex }) => ifindex));
}
