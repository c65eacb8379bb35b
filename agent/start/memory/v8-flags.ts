import { setFlagsFromString } from "node:v8";

/**
 * A node agent is small and mostly idle: memory that V8 keeps for speed is taken from pods. Its young
 * generation stays at its first size, and the old one is collected when it has grown by half: with 5,000
 * nodes, 50 changes a second and V8's own ideas it came to 220 MB. Its optimizing compilers pay for code that
 * is hot for minutes, which none of ours is: without them an agent has 9 to 17 MB less, and bursts of pods
 * have the CPU to themselves.
 */
export const V8_FLAGS = [
  "--semi-space-growth-factor=1",
  "--heap-growing-percent=50",
  "--no-opt",
  "--no-maglev",
] as const;

/**
 * While an agent rests. What big work leaves, such as a first list, V8 gives back some ten seconds later, in
 * steps, but only if it saw little allocated when it last collected. After a list it saw much, and an agent
 * that then rests asks for no collection that would tell it better: 20 to 40 MB among 5,000 nodes. With this
 * V8 does not ask, and every collection gives memory back. While pods come it would collect the heap in their
 * midst: 100 at once took 1.4 times as long. A start would take 3 % longer with it.
 */
export const REST_V8_FLAG = { on: "--optimize-for-size", off: "--no-optimize-for-size" } as const;

export function giveMemoryBack(): void {
  setFlagsFromString(REST_V8_FLAG.on);
}

export function keepMemory(): void {
  setFlagsFromString(REST_V8_FLAG.off);
}
